import Crypto
import Foundation
import MeshIdentity
import MeshTypes
import MeshWorkloadAPI
import Testing
import X509

/// X509-SVID §2–§5: what an agent gives is looked at before it is used.
struct AgentIdentitiesTests {
    private func reason(_ maker: LeafMaker, named: String? = nil) throws -> String {
        let message = try maker.message(named: named)
        let identities = try AgentIdentities(X509SVIDResponse(svids: [message]), trustDomain: "daarion.city")
        #expect(identities.svids.isEmpty && identities.roots.isEmpty)
        return try #require(identities.refused[message.spiffeID])
    }

    @Test func takesASoundOne() throws {
        let maker = LeafMaker()
        let message = try maker.message()
        let identities = try AgentIdentities(X509SVIDResponse(svids: [message]), trustDomain: "daarion.city")
        let given = try #require(identities.svids[SPIFFEID(LeafMaker.good)!])
        #expect(given.certificate.chainDER == [message.chain] && identities.refused.isEmpty && identities.roots.count == 1)
        #expect(given.certificate.notAfter.timeIntervalSinceNow > 3500)
    }

    @Test func refusesWhatBreaksTheRules() throws {
        var maker = LeafMaker()
        maker.uris.append("spiffe://daarion.city/ns/default/sa/usage")
        #expect(try reason(maker).contains("2 URI names"))
        maker.uris = []
        #expect(try reason(maker, named: LeafMaker.good).contains("0 URI names"))
        #expect(try reason(LeafMaker(), named: "spiffe://daarion.city/ns/default/sa/usage").contains("another SPIFFE ID"))
        #expect(try reason(LeafMaker(uris: ["spiffe://other.org/ns/default/sa/wallet"])).contains("trust domain daarion.city"))
        #expect(try reason(LeafMaker(uris: ["spiffe://daarion.city.evil/ns/default/sa/wallet"])).contains("trust domain"))
        #expect(try reason(LeafMaker(uris: ["spiffe://daarion.city/myelind"])).contains("/ns/<namespace>/sa/<service>"))
        #expect(try reason(LeafMaker(isAuthority: true)).contains("authority"))
        #expect(try reason(LeafMaker(usage: KeyUsage(digitalSignature: true, keyCertSign: true))).contains("key usage"))
        #expect(try reason(LeafMaker(usage: KeyUsage(keyEncipherment: true))).contains("key usage"))
        #expect(try reason(LeafMaker(usage: nil)).contains("key usage"))
        #expect(try reason(LeafMaker(extended: try ExtendedKeyUsage([.clientAuth]))).contains("serverAuth"))
        #expect(try reason(LeafMaker(otherKey: P256.Signing.PrivateKey())).contains("not the one of its certificate"))
        var message = try LeafMaker().message()
        message.key = [1, 2, 3]
        #expect(try refusal(message).contains("private key"))
        message = try LeafMaker().message()
        message.chain += [0]
        #expect(try refusal(message).contains("chain"))
    }

    /// As strictly as its peers will judge it.
    @Test func refusesWhatPeersWouldRefuse() throws {
        #expect(try reason(LeafMaker(usageIsCritical: false)).contains("not marked critical"))
        #expect(try reason(LeafMaker(hasKeyIdentifier: false)).contains("key identifier"))
        var foreign = try LeafMaker().message()
        foreign.bundle = try LeafMaker().bundle
        #expect(try refusal(foreign).contains("another CA"))
    }

    @Test func anEmptyOrUselessBundleDiscardsTheMessageAndTheLastStays() async throws {
        let source = AgentSource(socket: "/nowhere", trustDomain: "daarion.city") { _ in }
        let good = try LeafMaker().message()
        #expect(source.accept(X509SVIDResponse(svids: [good]).encoded))
        let roots = try await source.trustedRoots()
        var bad = try LeafMaker().message()
        for bundle in [[], [0x30, 0x03, 1, 2, 3], try LeafMaker().message().chain, try LeafMaker(maySign: false).bundle] as [[UInt8]] {
            bad.bundle = bundle
            #expect(!source.accept(X509SVIDResponse(svids: [bad]).encoded))
            guard case .away(let failure) = source.status else { throw CancellationError() }
            #expect("\(failure)".contains("the bundle of \(LeafMaker.good)"), "\(failure)")
        }
        #expect(try await source.trustedRoots() == roots)
        #expect(try await source.svid(for: SPIFFEID(LeafMaker.good)!, now: Date()).certificate.chainDER == [good.chain])
        // Every SVID of it is refused: whom to trust stays.
        #expect(source.accept(X509SVIDResponse(svids: [try LeafMaker(usageIsCritical: false).message()]).encoded))
        #expect(try await source.trustedRoots() == roots)
        await #expect { try await source.svid(for: SPIFFEID(LeafMaker.good)!, now: Date()) } throws: {
            ($0 as? AuthorityFailure)?.code == .withdrawn
        }
    }

    @Test func oneThatIsNotValidYetWaits() async throws {
        let source = AgentSource(socket: "/nowhere", trustDomain: "daarion.city") { _ in }
        #expect(source.accept(X509SVIDResponse(svids: [try LeafMaker(begins: 600).message()]).encoded))
        let identity = SPIFFEID(LeafMaker.good)!
        await #expect { try await source.svid(for: identity, now: Date()) } throws: {
            ($0 as? AuthorityFailure)?.code == .unreachable && "\($0)".contains("valid only from")
        }
        _ = try await source.svid(for: identity, now: Date().addingTimeInterval(700))
    }

    private func refusal(_ message: X509SVIDMessage) throws -> String {
        try #require(try AgentIdentities(X509SVIDResponse(svids: [message]), trustDomain: "daarion.city").refused[message.spiffeID])
    }

    @Test func theFirstOfTwoOfOneIdentityIsTaken() throws {
        let messages = [try LeafMaker().message(), try LeafMaker().message()]
        let identities = try AgentIdentities(X509SVIDResponse(svids: messages), trustDomain: "daarion.city")
        #expect(identities.svids[SPIFFEID(LeafMaker.good)!]?.certificate.chainDER == [messages[0].chain])
    }

    @Test func anEmptyMessageIsDiscarded() async throws {
        let source = AgentSource(socket: "/nowhere", trustDomain: "daarion.city") { _ in }
        let identity = SPIFFEID(LeafMaker.good)!
        await #expect { try await source.svid(for: identity, now: Date()) } throws: { ($0 as? AuthorityFailure)?.code == .unreachable }
        #expect(source.accept(X509SVIDResponse(svids: [try LeafMaker().message()]).encoded))
        #expect(!source.accept([]) && !source.accept([0xff]))
        #expect(source.messages == (1, 2))
        _ = try await source.svid(for: identity, now: Date())
    }

    @Test func whatALaterMessageLeavesOutIsWithdrawn() async throws {
        let source = AgentSource(socket: "/nowhere", trustDomain: "daarion.city") { _ in }
        let store = IdentityStore(source: .agent(source), trustDomain: "daarion.city")
        let wallet = SPIFFEID(LeafMaker.good)!.service
        await store.ensure([wallet])
        #expect(await store.statuses().first?.state == .pending)
        let first = try LeafMaker().message()
        #expect(source.accept(X509SVIDResponse(svids: [first]).encoded))
        await store.renewDue()
        let credential = try #require(await store.credentials()[wallet])
        await store.renewDue()
        #expect(await store.credentials()[wallet] === credential, "the same until the agent renews")
        #expect(source.accept(X509SVIDResponse(svids: [try LeafMaker().message()]).encoded))
        await store.renewDue()
        let renewed = await store.credentials()[wallet]
        #expect(renewed != nil && renewed !== credential)
        let status = try #require(await store.statuses().first)
        #expect(!source.isLate(status, now: Date()) && source.isLate(status, now: Date().addingTimeInterval(0.8 * 3600)))
        #expect(
            source.accept(X509SVIDResponse(svids: [try LeafMaker(uris: ["spiffe://daarion.city/ns/default/sa/usage"]).message()]).encoded))
        await store.renewDue()
        #expect(await store.credentials()[wallet] == nil)
        #expect(await store.statuses().first?.lastError?.contains("no SVID for \(LeafMaker.good)") == true)
    }

    @Test func waitsLongerAfterEachFailure() {
        #expect(AgentBackoff.pause(failures: 1, chance: 0) == .milliseconds(125))
        #expect(AgentBackoff.pause(failures: 3, chance: 0.5) == .milliseconds(750))
        #expect(AgentBackoff.pause(failures: 500, chance: 1) == .seconds(30))
    }
}
