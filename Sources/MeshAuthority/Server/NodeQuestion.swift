internal import Foundation
internal import Hummingbird
internal import MeshIdentity
internal import MeshTLS
internal import MeshTypes
internal import NIOCore
internal import NIOSSL

/// A request to the authority, and the connection that it came on.
struct NodeQuestion: RequestContext {
    var coreContext: CoreRequestContextStorage
    let channel: any Channel

    init(source: ApplicationRequestContextSource) {
        coreContext = .init(source: source)
        channel = source.channel
    }

    /// Where it comes from, for rates and logs.
    var address: String { channel.remoteAddress?.ipAddress ?? "unknown" }

    /// The node whose certificate the connection showed. The chain was checked in the handshake; a connection may be older than its end.
    func node(_ authority: EmbeddedCA) async throws(AuthorityFailure) -> NodeIdentity {
        let leaf = try await leaf()
        guard let node = NodeIdentity(leaf.uri), node.trustDomain == authority.trustDomain else {
            throw Self.stranger("the certificate of the one that asks is not a node's")
        }
        guard !authority.isRevoked(serial: leaf.serial), !authority.isRevoked(node: node.name) else {
            throw AuthorityFailure(
                .revoked, "the node \(node.name) was revoked",
                advice: "find out why; `myelind ca restore --node \(node.name)` lets it join again")
        }
        return node
    }

    /// - Throws: unless the connection showed the certificate of an authority under the same root.
    func checkAuthority(_ authority: EmbeddedCA) async throws(AuthorityFailure) {
        let leaf = try await leaf()
        guard leaf.uri == AuthorityIdentity.uri(trustDomain: authority.trustDomain), !authority.isRevoked(serial: leaf.serial) else {
            throw AuthorityFailure(
                .notANode, "the certificate of the one that asks is not an authority's", advice: "only authorities ask this of each other")
        }
    }

    private func leaf() async throws(AuthorityFailure) -> ChainCheck.Leaf {
        let certificate: NIOSSLCertificate?
        do { certificate = try await channel.nioSSL_peerCertificate().get() } catch {
            throw Self.stranger("the connection is gone: \(error)")
        }
        guard let der = try? certificate?.toDERBytes() else { throw Self.stranger("the question came without a node's certificate") }
        guard let leaf = try? ChainCheck.read(der) else { throw Self.stranger("the certificate of the one that asks cannot be read") }
        guard TimeInterval(leaf.notAfter) > Date().timeIntervalSince1970 else {
            throw Self.stranger("the certificate of \(leaf.uri) has ended")
        }
        return leaf
    }

    private static func stranger(_ what: String) -> AuthorityFailure {
        AuthorityFailure(.notANode, what, advice: "join first: `myelind ca token` on the authority's node makes a token")
    }
}
