import Crypto
import Foundation
import MeshIdentity
import MeshTLS
import MeshTypes
import MeshWorkloadAPI
import SwiftASN1
import Synchronization
import X509

/// A clock that tests set.
final class FakeClock: IdentityClock {
    private let time = Mutex(Date())
    var now: Date { time.withLock { $0 } }
    func advance(_ seconds: TimeInterval) { time.withLock { $0 += seconds } }
    func sleep(for duration: Duration) async throws { try await Task.sleep(for: .seconds(3600)) }
}

/// A directory of this test that goes with it. Its path is short enough for a socket.
final class Scratch {
    let path: String
    init() {
        path = "/tmp/myelin-wl-\(UUID().uuidString.prefix(8))"
        try! FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }
    deinit { try? FileManager.default.removeItem(atPath: path) }
}

/// An authority that fails when it is told to, and counts.
final class FakeAuthority: CertificateAuthority {
    private let state = Mutex((isDown: false, requests: 0))
    let real: EmbeddedCA

    init(_ scratch: Scratch) throws { real = try EmbeddedCA.open(directory: scratch.path + "/ca", trustDomain: "daarion.city") }

    var isDown: Bool {
        get { state.withLock { $0.isDown } }
        set { state.withLock { $0.isDown = newValue } }
    }
    var requests: Int { state.withLock { $0.requests } }

    func trustedRoots() async throws(AuthorityFailure) -> [[UInt8]] { try await real.trustedRoots() }
    func revocations() async throws(AuthorityFailure) -> RevokedSerials { .none }

    func issue(
        for identity: SPIFFEID, requestDER: [UInt8], lifetime: Duration, now: Date
    ) async throws(AuthorityFailure) -> IssuedCertificate {
        state.withLock { $0.requests += 1 }
        if isDown { throw AuthorityFailure(.unreachable, "the authority is down", advice: "wait") }
        return try await real.issue(for: identity, requestDER: requestDER, lifetime: lifetime, now: now)
    }
}

/// What a test says of which workloads there are.
final class FakeWorkloads: Sendable {
    private let list: Mutex<[Workload]>
    init(_ list: [Workload]) { self.list = Mutex(list) }
    var all: [Workload] {
        get { list.withLock { $0 } }
        set { list.withLock { $0 = newValue } }
    }
}

extension Workload {
    static func of(_ service: String, in cgroup: String) -> Workload {
        Workload(
            service: ServiceIdentity(namespace: "default", name: ServiceName(service)!), cgroup: cgroup, networkNamespace: nil,
            sharesNodeNamespace: true)
    }
}

/// Makes SVIDs as an agent would, right and wrong ones.
struct LeafMaker {
    static let good = "spiffe://daarion.city/ns/default/sa/wallet"
    var uris = [LeafMaker.good]
    var isAuthority = false
    var usage: KeyUsage? = KeyUsage(digitalSignature: true)
    var extended: ExtendedKeyUsage? = try! ExtendedKeyUsage([.serverAuth, .clientAuth])
    var usageIsCritical = true
    var lifetime: TimeInterval = 3600
    /// Seconds from now.
    var begins: TimeInterval = -60
    /// Whether the root may sign certificates.
    var maySign = true
    /// RFC 5280 §4.2.1.1: of the leaf.
    var hasKeyIdentifier = true
    /// nil: the certificate's own.
    var otherKey: P256.Signing.PrivateKey?
    let root = P256.Signing.PrivateKey()

    private func certificate(_ subject: String, _ key: P256.Signing.PublicKey, _ extensions: Certificate.Extensions) throws -> [UInt8] {
        let made = try Certificate(
            version: .v3, serialNumber: .init(), publicKey: .init(key), notValidBefore: Date().addingTimeInterval(begins),
            notValidAfter: Date().addingTimeInterval(lifetime), issuer: DistinguishedName { CommonName("root") },
            subject: DistinguishedName { CommonName(subject) }, signatureAlgorithm: .ecdsaWithSHA256, extensions: extensions,
            issuerPrivateKey: .init(root))
        var serializer = DER.Serializer()
        try serializer.serialize(made)
        return serializer.serializedBytes
    }

    var bundle: [UInt8] {
        get throws {
            try certificate(
                "root", root.publicKey,
                Certificate.Extensions {
                    Critical(BasicConstraints.isCertificateAuthority(maxPathLength: nil))
                    Critical(KeyUsage(keyCertSign: maySign, cRLSign: true))
                    SubjectKeyIdentifier(hash: .init(root.publicKey))
                })
        }
    }

    func message(named: String? = nil) throws -> X509SVIDMessage {
        let key = P256.Signing.PrivateKey()
        let leaf = try certificate(
            "leaf", key.publicKey,
            Certificate.Extensions {
                Critical(isAuthority ? BasicConstraints.isCertificateAuthority(maxPathLength: nil) : .notCertificateAuthority)
                if let usage, usageIsCritical { Critical(usage) } else if let usage { usage }
                if let extended { extended }
                if hasKeyIdentifier {
                    AuthorityKeyIdentifier(keyIdentifier: SubjectKeyIdentifier(hash: .init(root.publicKey)).keyIdentifier)
                }
                SubjectAlternativeNames(uris.map { .uniformResourceIdentifier($0) } + [.dnsName("wallet.default.svc")])
            })
        return X509SVIDMessage(
            spiffeID: named ?? uris.first ?? "", chain: leaf, key: Array((otherKey ?? key).derRepresentation), bundle: try bundle)
    }
}

/// Waits until `condition` holds, ten seconds at most.
func eventually(_ condition: () -> Bool) async -> Bool {
    for _ in 0..<1000 {
        if condition() { return true }
        try? await Task.sleep(for: .milliseconds(10))
    }
    return false
}
