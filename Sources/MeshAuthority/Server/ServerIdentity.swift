internal import Foundation
internal import MeshIdentity
internal import MeshTLS
internal import MeshTypes
internal import NIOSSL
internal import Synchronization

/// What the authority's server shows, and whom it takes: made anew when its certificate is half over or the roots change.
final class ServerIdentity: Sendable {
    private static let lifetime = Duration.seconds(24 * 3600)

    private struct Current: Sendable {
        let tls: NIOSSLContext
        let issuerDER: [UInt8]
        let bundle: TrustBundle
        let trust: AuthorityTrust
        let renewAt: Date
    }

    private let authority: EmbeddedCA
    private let current: Mutex<Current>

    init(_ authority: EmbeddedCA) throws(AuthorityFailure) {
        self.authority = authority
        current = Mutex(try Self.make(authority))
    }

    var tls: NIOSSLContext { current.withLock { $0.tls } }
    var trust: AuthorityTrust { current.withLock { $0.trust } }

    /// Looks at the authority's files. - Throws: what keeps a change from being served; what was served before still is.
    func refresh(now: Date = Date()) throws(AuthorityFailure) {
        let trust = try authority.trust()
        let old = current.withLock { $0 }
        if old.issuerDER != authority.issuerDER || now >= old.renewAt {
            let made = try Self.make(authority)
            current.withLock { $0 = made }
        } else if trust != old.trust {
            let bundle = trust.roots == old.trust.roots ? old.bundle : try Self.bundle(trust)
            current.withLock {
                $0 = Current(tls: old.tls, issuerDER: old.issuerDER, bundle: bundle, trust: trust, renewAt: old.renewAt)
            }
        }
    }

    /// The check of a client's certificate in the handshake. One that was revoked is told so by the answer (`NodeQuestion.node`).
    func verify(_ chain: [NIOSSLCertificate]) -> Bool {
        let state = current.withLock { $0 }
        guard let chainDER = try? chain.map({ try $0.toDERBytes() }) else { return false }
        return (try? ChainCheck.verify(chainDER, trust: state.bundle, purpose: .client)) != nil
    }

    private static func make(_ authority: EmbeddedCA) throws(AuthorityFailure) -> Current {
        let trust = try authority.trust()
        let issuer = authority.issuerDER
        let (keyPEM, requestDER) = try NodeCredential.newRequest()
        let now = Date()
        let issued = try authority.issue(
            .authority(trustDomain: authority.trustDomain), publicKeyDER: try CertificateRequest(der: requestDER).publicKeyDER,
            lifetime: lifetime, now: now, to: authority.node)
        do {
            var configuration = TLSConfiguration.makeServerConfiguration(
                certificateChain: try issued.chainDER.map { .certificate(try NIOSSLCertificate(bytes: $0, format: .der)) },
                privateKey: .privateKey(try NIOSSLPrivateKey(bytes: Array(keyPEM.utf8), format: .pem)))
            configuration.minimumTLSVersion = .tlsv13
            configuration.certificateVerification = .optionalVerification
            // `verify` decides; else those of the machine would be read, which may have none.
            configuration.trustRoots = .certificates([])
            configuration.applicationProtocols = ["http/1.1"]
            return Current(
                tls: try NIOSSLContext(configuration: configuration), issuerDER: issuer, bundle: try bundle(trust), trust: trust,
                renewAt: now.addingTimeInterval(issued.notAfter.timeIntervalSince(now) / 2))
        } catch let error as AuthorityFailure {
            throw error
        } catch { throw AuthorityFailure(.damaged, "the authority's certificate cannot be served: \(error)", advice: "report it") }
    }

    private static func bundle(_ trust: AuthorityTrust) throws(AuthorityFailure) -> TrustBundle {
        do throws(TLSFailure) { return try TrustBundle(rootsDER: trust.roots) } catch {
            throw AuthorityFailure(.damaged, "the authority's roots cannot be used: \(error.detail)", advice: "correct them")
        }
    }
}
