package import Foundation
package import MeshIdentity
package import MeshTypes
internal import Synchronization

/// Who gets which certificate from the daemon that carries the authority (R1.5).
package final class IssuingDesk: Sendable {
    /// A node that was away for longer needs a new token.
    package static let nodeLifetime = Duration.seconds(7 * 24 * 3600)

    /// Whether the registry places a service on a node.
    package typealias Placement = @Sendable (_ node: String, _ service: ServiceIdentity) async -> Bool

    package let authority: EmbeddedCA
    private let longest: Duration
    private let places: Placement
    private let tokens: TokenStore
    private let signing = Mutex(0)
    private let counts = Mutex(Counts())

    /// Certificates handed over, and refusals by reason.
    package struct Counts: Sendable, Equatable {
        package var joined = 0
        package var nodes = 0
        package var services = 0
        package var refused: [AuthorityFailure.Code: Int] = [:]
    }

    /// - Parameter longest: lifetime of services' certificates.
    package init(_ authority: EmbeddedCA, longest: Duration, places: @escaping Placement) {
        self.authority = authority
        self.longest = longest
        self.places = places
        tokens = TokenStore(directory: authority.directory)
    }

    package var statistics: Counts { counts.withLock { $0 } }

    /// A node's first certificate, for a token.
    package func join(
        id: String, secret: String, node: String, requestDER: [UInt8], now: Date = Date()
    ) throws(AuthorityFailure) -> IssuedCertificate {
        let identity = try identity(of: node)
        let request = try CertificateRequest(der: requestDER)
        guard !authority.isRevoked(node: node) else { throw revoked(node) }
        // Neither a bad request nor an authority that cannot sign costs the token.
        let issued = try tokens.redeem(id: id, secret: secret, node: node, now: now) { () throws(AuthorityFailure) in
            try sign(.node(identity), request, Self.nodeLifetime, node: node, now)
        }
        counts.withLock { $0.joined += 1 }
        return issued
    }

    /// A node's next certificate, for the one that it has.
    package func renew(_ node: NodeIdentity, requestDER: [UInt8], now: Date = Date()) throws(AuthorityFailure) -> IssuedCertificate {
        let issued = try sign(.node(node), try CertificateRequest(der: requestDER), Self.nodeLifetime, node: node.name, now)
        counts.withLock { $0.nodes += 1 }
        return issued
    }

    /// A service's certificate, for a node on which the registry places it.
    package func sign(
        _ service: ServiceIdentity, for node: NodeIdentity, requestDER: [UInt8], lifetime: Duration?, now: Date = Date()
    ) async throws(AuthorityFailure) -> IssuedCertificate {
        let request = try CertificateRequest(der: requestDER)
        guard await places(node.name, service) else {
            throw AuthorityFailure(
                .notPlaced, "the registry of the authority's node does not place \(service) on \(node.name)",
                advice: "correct the registry there, or find out why \(node.name) asks for it")
        }
        let subject = CertificateSubject.service(SPIFFEID(trustDomain: authority.trustDomain, service: service))
        let issued = try sign(subject, request, min(lifetime ?? longest, longest), node: node.name, now)
        counts.withLock { $0.services += 1 }
        return issued
    }

    package func note(_ refusal: AuthorityFailure) { counts.withLock { $0.refused[refusal.code, default: 0] += 1 } }

    package func sweepTokens() { _ = try? tokens.sweep() }

    private func sign(
        _ subject: CertificateSubject, _ request: CertificateRequest, _ lifetime: Duration, node: String, _ now: Date
    ) throws(AuthorityFailure) -> IssuedCertificate {
        let isFree = signing.withLock { count in
            guard count < AuthorityBounds.signing else { return false }
            count += 1
            return true
        }
        guard isFree else {
            throw AuthorityFailure(
                .tooManyRequests, "\(AuthorityBounds.signing) certificates are being signed", advice: "it is asked again by itself")
        }
        defer { signing.withLock { $0 -= 1 } }
        return try authority.issue(subject, publicKeyDER: request.publicKeyDER, lifetime: lifetime, now: now, to: node)
    }

    private func identity(of node: String) throws(AuthorityFailure) -> NodeIdentity {
        guard let identity = NodeIdentity(trustDomain: authority.trustDomain, name: node) else {
            throw AuthorityFailure(.request, "\"\(node.prefix(64))\" is no name of a node", advice: "correct `node.name`")
        }
        return identity
    }

    private func revoked(_ node: String) -> AuthorityFailure {
        AuthorityFailure(
            .revoked, "the node \(node) was revoked", advice: "find out why; `myelind ca restore --node \(node)` lets it join again")
    }
}
