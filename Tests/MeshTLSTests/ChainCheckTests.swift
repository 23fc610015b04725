import Foundation
import MeshTLS
import MeshTypes
import Testing
import X509

/// RFC 5280 §6 and X.509-SVID §4 and §5: what is taken, and each thing that is not.
@Suite struct ChainCheckTests {
    private func check(_ purpose: ChainCheck.Purpose = .server, _ change: (inout CraftedChain) -> Void = { _ in }) throws -> TLSFailure? {
        var crafted = CraftedChain()
        change(&crafted)
        let (chain, root, _) = try crafted.make()
        do throws(TLSFailure) {
            _ = try ChainCheck.verify(chain, trust: TrustBundle(rootsDER: [root]), purpose: purpose)
            return nil
        } catch { return error }
    }

    @Test(arguments: [ChainCheck.Purpose.server, .client]) func takesWhatIsRight(purpose: ChainCheck.Purpose) throws {
        #expect(try check(purpose) == nil)
        #expect(try check(purpose) { $0.usages = nil } == nil, "X.509-SVID §4.4: the extended key usage may be absent")
        #expect(
            try check(purpose) {
                $0.isDeep = true
                $0.rootPathLength = 2
                $0.intermediatePathLength = 1
            } == nil)
    }

    @Test func tellsWhatTheLeafSays() throws {
        let (chain, root, _) = try CraftedChain().make()
        let leaf = try ChainCheck.verify(chain, trust: TrustBundle(rootsDER: [root]), purpose: .server)
        #expect(leaf.uri == CraftedChain.uri)
        #expect(try ChainCheck.read(chain[0]) == leaf)
        #expect(leaf.notAfter - leaf.notBefore == 3660)
    }

    @Test func namesOfTheLeaf() throws {
        let two = try check { $0.uris.append("spiffe://daarion.city/ns/default/sa/usage") }
        #expect(two?.reason == .peerIdentity && two?.detail.contains("more than one URI") == true)
        #expect(try check { $0.uris = [] }?.reason == .peerIdentity)
    }

    @Test func usesOfTheLeaf() throws {
        #expect(try check { $0.leafIsAuthority = true } != nil)
        #expect(try check { $0.keyUsage = nil }?.detail.contains("no key usage") == true)
        #expect(try check { $0.keyUsageIsCritical = false }?.detail.contains("not marked critical") == true)
        #expect(try check { $0.keyUsage = KeyUsage(keyAgreement: true) } != nil)
        #expect(try check { $0.keyUsage = KeyUsage(digitalSignature: true, cRLSign: true) }?.reason == .peerIdentity)
        #expect(try check(.server) { $0.usages = [.clientAuth] } != nil)
        #expect(try check(.client) { $0.usages = [.serverAuth] } != nil)
        #expect(try check(.server) { $0.usages = [.serverAuth] }?.detail.contains("only one of") == true)
        #expect(try check { $0.usages = [.codeSigning] } != nil)
    }

    @Test func pathAboveTheLeaf() throws {
        let expired = try check { $0.intermediateEnds = Date(timeIntervalSinceNow: -60) }
        #expect(expired?.detail.contains("expired") == true, "\(String(describing: expired))")
        #expect(try check { $0.intermediateIsAuthority = false } != nil)
        let tooLong = try check { $0.isDeep = true }
        #expect(tooLong?.detail.contains("path length") == true, "\(String(describing: tooLong))")
        #expect(try check { $0.rootPathLength = 0 } != nil)
    }

    /// What RFC 5280 obliges authorities to and OpenSSL passes over unless it is told to be strict.
    @Test func strictlyAsTheProfileHasIt() throws {
        #expect(try check { $0.leafNamesItsIssuersKey = false }?.detail.contains("key identifier") == true)
        #expect(try check { $0.intermediateNamesItsKey = false }?.detail.contains("key identifier") == true)
        #expect(try check { $0.basicConstraintsAreCritical = false } != nil)
        #expect(try check { $0.intermediateUsage = nil } != nil)
        #expect(try check { $0.intermediateUsage = KeyUsage(digitalSignature: true) } != nil)
        #expect(try check { $0.intermediateName = "" } != nil)
        #expect(try check { $0.leafHasSubject = false } != nil, "its alternative names are not critical")
    }

    /// As cert-manager (a leaf without a subject), Vault and SPIRE (authorities that may sign more than certificates) make them.
    @Test func takesWhatOtherAuthoritiesMake() throws {
        #expect(
            try check {
                $0.leafHasSubject = false
                $0.alternativeNamesAreCritical = true
            } == nil)
        #expect(try check { $0.intermediateUsage = KeyUsage(digitalSignature: true, keyCertSign: true, cRLSign: true) } == nil)
        #expect(try check { $0.intermediateUsage = KeyUsage(keyCertSign: true) } == nil)
        #expect(
            try check {
                $0.rootPathLength = nil
                $0.intermediatePathLength = nil
                $0.keyUsage = KeyUsage(digitalSignature: true, keyEncipherment: true, keyAgreement: true)
            } == nil)
    }

    /// A chain that this end shows is judged as peers will, whatever the hour.
    @Test func anOwnChainIsJudgedLikeAPeers() throws {
        let (chain, root, _) = try CraftedChain().make()
        let trust = try TrustBundle(rootsDER: [root])
        let now = Int64(Date().timeIntervalSince1970)
        for time in [now, now - 600, now + 7200] { try ChainCheck.verifyOwn(chain, trust: trust, now: time) }
        #expect(throws: TLSFailure.self) { try ChainCheck.verifyOwn([chain[0]], trust: trust, now: now) }
        let (loose, other, _) = try CraftedChain(keyUsageIsCritical: false).make()
        #expect(throws: TLSFailure.self) { try ChainCheck.verifyOwn(loose, trust: TrustBundle(rootsDER: [other]), now: now) }
        let (half, third, _) = try CraftedChain(usages: [.serverAuth]).make()
        #expect(throws: TLSFailure.self) { try ChainCheck.verifyOwn(half, trust: TrustBundle(rootsDER: [third]), now: now) }
    }

    @Test func nameConstraints() throws {
        #expect(try check { $0.constraints = NameConstraints(permittedURIDomains: ["daarion.city"]) } == nil)
        let elsewhere = try check { $0.constraints = NameConstraints(permittedURIDomains: ["elsewhere.example"]) }
        #expect(elsewhere?.detail.contains("name constraints") == true, "\(String(describing: elsewhere))")
        #expect(try check { $0.constraints = NameConstraints(forbiddenURIDomains: ["daarion.city"]) } != nil)
        #expect(try check { $0.constraints = NameConstraints(permittedDNSDomains: ["other.svc"]) } != nil)
        #expect(try check { $0.constraints = NameConstraints(permittedDNSDomains: ["default.svc"]) } == nil)
    }

    @Test func foreignAndIncompleteChains() throws {
        let (chain, root, _) = try CraftedChain().make()
        let (_, other, _) = try CraftedChain().make()
        #expect(throws: TLSFailure.self) { try ChainCheck.verify(chain, trust: TrustBundle(rootsDER: [other]), purpose: .server) }
        #expect(throws: TLSFailure.self) { try ChainCheck.verify([chain[0]], trust: TrustBundle(rootsDER: [root]), purpose: .server) }
        #expect(throws: TLSFailure.self) { try ChainCheck.verify([], trust: TrustBundle(rootsDER: [root]), purpose: .server) }
        let long = Array(repeating: chain[0], count: 6)
        #expect(throws: TLSFailure.self) { try ChainCheck.verify(long, trust: TrustBundle(rootsDER: [root]), purpose: .server) }
        #expect(throws: TLSFailure.self) { try ChainCheck.verify([[1, 2, 3]], trust: TrustBundle(rootsDER: [root]), purpose: .server) }
    }

    @Test func revokedLeafAndIntermediate() throws {
        let (chain, root, _) = try CraftedChain().make()
        let bundle = try TrustBundle(rootsDER: [root])
        let serials = try chain.map { try serial($0) }
        for serial in serials {
            #expect {
                try ChainCheck.verify(chain, trust: bundle, purpose: .server, revoked: RevokedSerials([serial]))
            } throws: { ($0 as? TLSFailure)?.reason == .certificateRevoked }
        }
        _ = try ChainCheck.verify(chain, trust: bundle, purpose: .server, revoked: RevokedSerials(["00AB"]))
    }

    private func serial(_ der: [UInt8]) throws -> String { try ChainCheck.read(der).serial }
}

/// The same list in a handshake, with certificates of a live session.
@Suite struct RevokedPeerTests {
    let authority = TestAuthority()

    @Test(arguments: [true, false]) func handshakeIsRefusedWithAReason(isClient: Bool) throws {
        let gateway = try authority.credential("gateway")
        let wallet = try authority.credential("wallet")
        let revoked = RevokedSerials([isClient ? gateway.serial : wallet.serial])
        let wire = Wire(client: gateway, server: [wallet], revoked: revoked)
        wire.shakeHands()
        wire.client.send([1])
        wire.settle()
        let failure = try #require(isClient ? wire.server.failure : wire.client.failure)
        #expect(failure.reason == .certificateRevoked)
        #expect(failure.detail.contains(isClient ? gateway.serial : wallet.serial))
        #expect(wire.server.plaintext.isEmpty && wire.client.plaintext.isEmpty)
        let told = try #require(isClient ? wire.client.failure : wire.server.failure)
        #expect(told.detail.contains("revoked"), "the alert says so: \(told)")
    }

    @Test func aSessionTellsWhenItsPeerWasRevoked() throws {
        let gateway = try authority.credential("gateway")
        let wire = Wire(client: gateway, server: [try authority.credential("wallet")])
        wire.shakeHands()
        #expect(wire.server.isPeerRevoked(by: RevokedSerials([gateway.serial])))
        #expect(!wire.server.isPeerRevoked(by: RevokedSerials(["AB"])))
        #expect(!wire.server.isPeerRevoked(by: .none))
    }
}
