import Foundation
import MeshIdentity
import MeshTLS
import MeshTypes
import Testing

@Suite struct RevocationTests {
    let scratch = Scratch()
    let authority: EmbeddedCA

    init() throws { authority = try EmbeddedCA.open(directory: scratch.authority, trustDomain: "daarion.city", node: "node-1") }

    private func issue(
        _ service: String, to node: String = "node-1", lifetime: Duration = .seconds(600), now: Date = Date()
    ) throws -> String {
        let issued = try authority.issue(
            .service(.of(service)), publicKeyDER: TLSPrivateKey().publicKeyDER, lifetime: lifetime, now: now, to: node)
        return try ChainCheck.read(issued.chainDER[0]).serial
    }

    private func revoke(_ target: RevocationOrder.Target, now: Date = Date()) throws -> Int {
        try RevocationOrder(target, reason: .keyCompromise).apply(
            directory: scratch.authority, trustDomain: "daarion.city", now: now)
    }

    private func code(_ body: () throws -> Void) -> AuthorityFailure.Code? {
        do { try body() } catch { return (error as? AuthorityFailure)?.code }
        return nil
    }

    @Test func bySerialInTheFormsThatPeopleWrite() throws {
        let serial = try issue("wallet")
        let pairs = stride(from: 0, to: serial.count, by: 2).map { String(Array(serial)[$0..<min($0 + 2, serial.count)]) }
        #expect(try revoke(.serial(pairs.joined(separator: ":").lowercased())) == 1)
        #expect(try authority.trust().revoked.serials == [serial])
        #expect(code { _ = try revoke(.serial("no serial")) } == .request)
        #expect(try revoke(.serial("00ab")) == 1, "one that the authority does not know")
        #expect(try authority.trust().revoked.serials == [serial, "00AB"])
    }

    @Test func byServiceEverythingUntilNow() throws {
        let wallets = Set([try issue("wallet"), try issue("wallet", to: "node-2")])
        _ = try issue("usage")
        #expect(try revoke(.service(.of("wallet"))) == 2)
        #expect(try authority.trust().revoked.serials == wallets)
        let fresh = try issue("wallet")
        #expect(try !authority.trust().revoked.contains(fresh))
    }

    @Test func byNodeEverythingAndForTheFuture() throws {
        let version = try authority.trust().version
        let kept = try issue("wallet", to: "node-1")
        let lost = Set([try issue("wallet", to: "node-2"), try issue("usage", to: "node-2")])
        #expect(try revoke(.node("node-2")) == 2)
        #expect(try authority.trust().revoked.serials == lost && !lost.contains(kept))
        #expect(try authority.trust().version != version)
        #expect(code { _ = try issue("wallet", to: "node-2") } == .revoked)
        _ = try issue("wallet", to: "node-1")
        #expect(try RevocationOrder.restore(node: "node-2", directory: scratch.authority))
        #expect(try RevocationOrder.restore(node: "node-2", directory: scratch.authority) == false)
        _ = try issue("wallet", to: "node-2")
        #expect(try authority.trust().revoked.serials == lost)
    }

    /// RFC 5280 §5, as the `openssl` program reads it.
    @Test func aListForProgramsOutside() throws {
        let issued = try authority.issue(
            .service(.of("wallet")), publicKeyDER: TLSPrivateKey().publicKeyDER, lifetime: .seconds(600), now: Date(), to: "node-1")
        let text64 = Data(issued.chainDER[0]).base64EncodedString(options: .lineLength64Characters)
        scratch.write("leaf.pem", "-----BEGIN CERTIFICATE-----\n\(text64)\n-----END CERTIFICATE-----\n")
        func verify() -> (status: Int32, output: String) {
            run(
                "openssl", "verify", "-crl_check", "-CAfile", scratch.authority + "/root.pem", "-CRLfile", scratch.authority + "/crl.pem",
                scratch.authority + "/leaf.pem")
        }
        try authority.writeRevocationList()
        #expect(verify().status == 0, "\(verify())")
        _ = try revoke(.serial(try ChainCheck.read(issued.chainDER[0]).serial))
        try authority.writeRevocationList()
        #expect(verify().status != 0 && verify().output.contains("certificate revoked"), "\(verify())")
        let text = run("openssl", "crl", "-noout", "-text", "-in", scratch.authority + "/crl.pem").output
        for part in ["Key Compromise", "X509v3 CRL Number", "Authority Key Identifier"] { #expect(text.contains(part), "\(text)") }
    }

    @Test func whatHasEndedIsForgotten() throws {
        let now = Date()
        _ = try issue("wallet", lifetime: .seconds(60), now: now)
        #expect(try revoke(.service(.of("wallet")), now: now) == 1)
        let later = now.addingTimeInterval(2 * 3600)
        let serial = try issue("usage", now: later)
        #expect(try revoke(.service(.of("usage")), now: later) == 1)
        #expect(try authority.trust().revoked.serials == [serial])
    }

    @Test func aDamagedFileLeavesTheLastGoodOneInForce() throws {
        let serial = try issue("wallet")
        _ = try revoke(.serial(serial))
        #expect(try authority.trust().revoked.contains(serial))
        scratch.write("revocations.json", "{")
        #expect(code { _ = try authority.trust() } == .damaged)
        #expect(authority.problem?.code == .damaged)
        _ = try issue("usage")
    }

    @Test func theJournalForgetsWhatHasEnded() throws {
        let line = "{\"serial\":\"AB\",\"subject\":\"spiffe://daarion.city/ns/default/sa/old\",\"node\":\"node-1\",\"not_after\":1000}\n"
        _ = try issue("wallet")
        scratch.write("issued.jsonl", scratch.text("issued.jsonl") + String(repeating: line, count: (1 << 20) / line.utf8.count + 1))
        _ = try issue("usage")
        let kept = scratch.text("issued.jsonl")
        #expect(kept.split(separator: "\n").count == 2 && kept.contains("/wallet") && kept.contains("/usage"))
    }

    @Test func aLineCutShortInTheJournalIsLeftOut() throws {
        _ = try issue("wallet")
        let whole = scratch.text("issued.jsonl")
        scratch.write("issued.jsonl", whole + "{\"serial\":\"12")
        #expect(try revoke(.service(.of("wallet"))) == 1)
    }
}

/// What a node does with the list.
@Suite struct RevokedStoreTests {
    let scratch = Scratch()
    let clock = FakeClock()
    let authority: FakeAuthority
    let store: IdentityStore

    init() throws {
        authority = FakeAuthority(try EmbeddedCA.open(directory: scratch.authority, trustDomain: "daarion.city"))
        store = IdentityStore(authority: authority, trustDomain: "daarion.city", clock: clock)
    }

    @Test func replacesACertificateOfItsOwn() async throws {
        await store.ensure([.of("wallet"), .of("usage")])
        let before = await store.credentials()
        let serial = try #require(before[.of("wallet")]?.serial)
        authority.revoke([serial])
        await store.renewDue()
        let after = await store.credentials()
        #expect(await store.revoked().serials == [serial])
        #expect(after[.of("wallet")] != nil && after[.of("wallet")]?.serial != serial)
        #expect(after[.of("usage")] === before[.of("usage")])
    }

    @Test func showsNothingRatherThanWhatWasRevoked() async throws {
        await store.ensure([.of("wallet")])
        let serial = try #require(await store.credentials()[.of("wallet")]?.serial)
        authority.revoke([serial])
        authority.isDown = true
        await store.renewDue()
        #expect(await store.credentials().isEmpty)
        authority.isDown = false
        await store.retry()
        #expect(await store.credentials().count == 1)
    }
}
