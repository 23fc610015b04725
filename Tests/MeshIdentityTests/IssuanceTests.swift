import Crypto
import Foundation
import MeshIdentity
import MeshTLS
import MeshTypes
import SwiftASN1
import Testing
import X509

/// R1.1: what a service's certificate says.
@Suite struct IssuanceTests {
    let scratch = Scratch()
    let authority: EmbeddedCA

    init() throws { authority = try EmbeddedCA.open(directory: scratch.authority, trustDomain: "daarion.city") }

    private func issue(_ lifetime: Duration = .seconds(3600), now: Date = Date()) async throws -> Certificate {
        let issued = try await authority.issue(
            for: .of("wallet"), publicKeyDER: TLSPrivateKey().publicKeyDER, lifetime: lifetime, now: now)
        #expect(issued.chainDER.count == 1)
        return try Certificate(derEncoded: issued.chainDER[0])
    }

    @Test func namesTheServiceInThreeWays() async throws {
        let leaf = try await issue()
        #expect(leaf.subject.description == "CN=wallet")
        let names = try #require(try leaf.extensions.subjectAlternativeNames)
        #expect(
            Array(names) == [
                .dnsName("wallet.default.svc"), .uniformResourceIdentifier("spiffe://daarion.city/ns/default/sa/wallet"),
            ])
        let usage = try #require(try leaf.extensions.keyUsage)
        #expect(usage.digitalSignature && !usage.keyCertSign)
        #expect(Set(try #require(try leaf.extensions.extendedKeyUsage)) == [.serverAuth, .clientAuth])
        #expect(try leaf.extensions.basicConstraints == .notCertificateAuthority)
        #expect(leaf.extensions[oid: .X509ExtensionID.basicConstraints]?.critical == true)
        #expect(leaf.extensions[oid: .X509ExtensionID.keyUsage]?.critical == true)
        #expect(leaf.serialNumber.bytes.count >= 15)
    }

    @Test func livesFromAMinuteAgoUntilTheLifetimeEnds() async throws {
        let now = Date(timeIntervalSince1970: Date().timeIntervalSince1970.rounded())
        // The root may be younger than a minute.
        let leaf = try await issue(.seconds(86400), now: now)
        #expect(leaf.notValidBefore <= now.addingTimeInterval(-59) && leaf.notValidBefore >= now.addingTimeInterval(-61))
        #expect(leaf.notValidAfter == now.addingTimeInterval(86400))
    }

    @Test func neverOutlivesTheRoot() async throws {
        let leaf = try await issue(.seconds(48 * 3600), now: authority.rootNotAfter.addingTimeInterval(-3600))
        #expect(leaf.notValidAfter == authority.rootNotAfter)
    }

    @Test func givesEverySerialOnce() async throws {
        var serials = Set<Certificate.SerialNumber>()
        for _ in 0..<200 { serials.insert(try await issue().serialNumber) }
        #expect(serials.count == 200)
    }

    @Test func refusesWhatItMayNotSign() async throws {
        let key = try TLSPrivateKey().publicKeyDER
        let foreign = SPIFFEID(trustDomain: "elsewhere.example", service: .of("wallet"))
        await #expect(throws: AuthorityFailure.self) {
            try await authority.issue(for: foreign, publicKeyDER: key, lifetime: .seconds(3600), now: Date())
        }
        await #expect(throws: AuthorityFailure.self) {
            try await authority.issue(for: .of("wallet"), publicKeyDER: key, lifetime: .seconds(59), now: Date())
        }
        let curve384 = Array(P384.Signing.PrivateKey().publicKey.derRepresentation)
        for bad in [[], [1, 2, 3], curve384] {
            await #expect(throws: AuthorityFailure.self) {
                try await authority.issue(for: .of("wallet"), publicKeyDER: bad, lifetime: .seconds(3600), now: Date())
            }
        }
        await #expect(throws: AuthorityFailure.self) {
            try await authority.issue(
                for: .of("wallet"), publicKeyDER: key, lifetime: .seconds(3600), now: authority.rootNotAfter.addingTimeInterval(1))
        }
    }

    @Test func opensslAcceptsIt() async throws {
        let leaf = try await issue()
        let file = scratch.path + "/leaf.pem"
        try leaf.serializeAsPEM().pemString.write(toFile: file, atomically: false, encoding: .utf8)
        for purpose in ["sslserver", "sslclient"] {
            let verdict = run("openssl", "verify", "-x509_strict", "-purpose", purpose, "-CAfile", scratch.authority + "/root.pem", file)
            #expect(verdict.status == 0, "\(verdict.output)")
        }
    }
}
