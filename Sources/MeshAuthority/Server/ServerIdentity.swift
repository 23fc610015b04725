internal import Foundation
internal import MeshIdentity
internal import MeshTLS
internal import MeshTypes
internal import NIOSSL
internal import Synchronization

/// What the authority's server shows, and whom it takes: made anew when its certificate is half over or the roots change.
final class ServerIdentity: Sendable {
    private struct Current: Sendable {
        let tls: NIOSSLContext
        let own: AuthorityCertificate
        let bundle: TrustBundle
        let trust: AuthorityTrust
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
        if !old.own.isCurrent(of: authority, now: now) {
            let made = try Self.make(authority)
            current.withLock { $0 = made }
        } else if trust != old.trust {
            let bundle = trust.roots == old.trust.roots ? old.bundle : try Self.bundle(trust)
            current.withLock {
                $0 = Current(tls: old.tls, own: old.own, bundle: bundle, trust: trust)
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
        let own = try AuthorityCertificate.make(of: authority)
        do {
            var configuration = TLSConfiguration.makeServerConfiguration(
                certificateChain: try own.shown.chain(), privateKey: .privateKey(try own.shown.privateKey()))
            configuration.minimumTLSVersion = .tlsv13
            configuration.certificateVerification = .optionalVerification
            // `verify` decides; else those of the machine would be read, which may have none.
            configuration.trustRoots = .certificates([])
            configuration.applicationProtocols = ["http/1.1"]
            return Current(tls: try NIOSSLContext(configuration: configuration), own: own, bundle: try bundle(trust), trust: trust)
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
