package import Foundation
package import MeshTLS
package import MeshTypes

/// Makes keys and certificates itself and renews them by itself: a SPIFFE agent (R1.5).
package protocol SVIDSource: Sendable {
    /// As of `CertificateAuthority`.
    func trustedRoots() async throws(AuthorityFailure) -> [[UInt8]]

    /// What it has for the service now. It is asked often and must not wait for anything.
    /// - Throws: `withdrawn` when what it gave before may not be used any more.
    func svid(for identity: SPIFFEID, now: Date) async throws(AuthorityFailure) -> GivenSVID
}

/// A key with its certificate, made by somebody else.
package struct GivenSVID: Sendable {
    package let key: TLSPrivateKey
    package let certificate: IssuedCertificate

    package init(key: TLSPrivateKey, certificate: IssuedCertificate) {
        self.key = key
        self.certificate = certificate
    }
}

/// Where a node's identities come from.
package enum IdentitySource: Sendable {
    /// Signs for keys that are made here.
    case authority(any CertificateAuthority)
    case agent(any SVIDSource)

    func trustedRoots() async throws(AuthorityFailure) -> [[UInt8]] {
        switch self {
        case .authority(let authority): try await authority.trustedRoots()
        case .agent(let agent): try await agent.trustedRoots()
        }
    }

    /// An agent has something new at times of its own.
    var isAskedAlways: Bool {
        switch self {
        case .authority: false
        case .agent: true
        }
    }

    func obtain(for identity: SPIFFEID, lifetime: Duration, now: Date) async throws(AuthorityFailure) -> GivenSVID {
        switch self {
        case .authority(let authority):
            let key = try Self.makeKey()
            return GivenSVID(
                key: key,
                certificate: try await authority.issue(for: identity, requestDER: try Self.request(key), lifetime: lifetime, now: now))
        case .agent(let agent): return try await agent.svid(for: identity, now: now)
        }
    }

    /// An agent takes nothing back: it gives short lives.
    func revocations() async throws(AuthorityFailure) -> RevokedSerials {
        switch self {
        case .authority(let authority): try await authority.revocations()
        case .agent: .none
        }
    }

    private static func request(_ key: TLSPrivateKey) throws(AuthorityFailure) -> [UInt8] {
        do throws(TLSFailure) { return try key.certificateRequest() } catch {
            throw AuthorityFailure(.request, error.detail, advice: "check the node's memory and OpenSSL")
        }
    }

    private static func makeKey() throws(AuthorityFailure) -> TLSPrivateKey {
        do throws(TLSFailure) { return try TLSPrivateKey() } catch {
            throw AuthorityFailure(.request, error.detail, advice: "check the node's memory and OpenSSL")
        }
    }
}
