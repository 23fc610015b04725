import MeshTLS
import MeshTypes
import Testing

/// A credential that peers would refuse is refused when it is made.
@Suite struct CredentialTests {
    let authority = TestAuthority()

    @Test func holdsWhatTheCertificateSays() throws {
        let credential = try authority.credential("wallet")
        #expect(credential.identity == .of("wallet"))
        #expect(credential.notAfter - credential.notBefore == 3660)
        #expect(credential.serial.count >= 16 && credential.serial.allSatisfy(\.isHexDigit))
    }

    @Test func refusesTwoURINames() {
        let failure = failureOf(uris: ["spiffe://daarion.city/ns/default/sa/wallet", "spiffe://daarion.city/ns/default/sa/gateway"])
        #expect(failure?.reason == .peerIdentity)
        #expect(failure?.detail.contains("more than one URI") == true)
    }

    @Test(arguments: [
        [], ["https://daarion.city/wallet"], ["spiffe://daarion.city"], ["spiffe://daarion.city/ns/default/sa/wallet/"],
        ["spiffe://daarion.city/ns/default/sa/wal\u{1}let"],
    ]) func refusesOtherURINames(uris: [String]) {
        #expect(failureOf(uris: uris)?.reason == .peerIdentity)
    }

    private func failureOf(uris: [String]) -> TLSFailure? {
        var shape = TestAuthority.Shape()
        shape.uris = uris
        do {
            _ = try authority.credential("wallet", shape)
            return nil
        } catch { return error as? TLSFailure }
    }

    @Test func refusesTheKeyOfAnotherCertificate() throws {
        let leaf = authority.leaf(.of("wallet"), publicKeyDER: try TLSPrivateKey().publicKeyDER)
        #expect(throws: TLSFailure.self) {
            try TLSCredential(identity: .of("wallet"), chainDER: [leaf], privateKey: TLSPrivateKey(), trust: authority.bundle)
        }
    }

    @Test func refusesTheCertificateOfAnotherService() throws {
        let key = try TLSPrivateKey()
        let leaf = authority.leaf(.of("usage"), publicKeyDER: key.publicKeyDER)
        let failure = #expect(throws: TLSFailure.self) {
            try TLSCredential(identity: .of("wallet"), chainDER: [leaf], privateKey: key, trust: authority.bundle)
        }
        #expect(failure?.detail.contains("sa/usage, not for spiffe") == true)
    }

    @Test func refusesWhatIsNotACertificate() throws {
        let leaf = authority.leaf(.of("wallet"), publicKeyDER: try TLSPrivateKey().publicKeyDER)
        let chains: [[[UInt8]]] = [
            [], [[]], [[0x30, 0x03]], [leaf.dropLast()], [leaf + [0]], Array(repeating: leaf, count: 5),
            [[UInt8](repeating: 0x30, count: 100_000)],
        ]
        for chain in chains {
            #expect(throws: TLSFailure.self) {
                try TLSCredential(identity: .of("wallet"), chainDER: chain, privateKey: TLSPrivateKey(), trust: authority.bundle)
            }
        }
        #expect(throws: TLSFailure.self) { try TrustBundle(rootsDER: []) }
        #expect(throws: TLSFailure.self) { try TrustBundle(rootsDER: [[1, 2, 3]]) }
        #expect(throws: TLSFailure.self) { try TrustBundle(rootsDER: [leaf]) }
    }

    @Test func wipesTheKeyItRead() throws {
        var garbage: [UInt8] = [0x30, 1, 2, 3]
        #expect(throws: TLSFailure.self) { try TLSPrivateKey(wiping: &garbage) }
        #expect(garbage == [0, 0, 0, 0])
    }
}
