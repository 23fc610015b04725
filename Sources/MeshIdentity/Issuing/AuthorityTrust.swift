internal import Crypto
internal import Foundation
package import MeshTLS

/// Whom nodes are to trust, and whom no longer: what an authority distributes.
package struct AuthorityTrust: Sendable, Equatable {
    /// DER; the one that new certificates descend from first.
    package let roots: [[UInt8]]
    package let revoked: RevokedSerials
    /// A digest of both, so that a reader can say what it has, whichever server it asks.
    package let version: String

    package init(roots: [[UInt8]], revoked: RevokedSerials) {
        self.roots = roots
        self.revoked = revoked
        var digest = SHA256()
        for root in roots { digest.update(data: SHA256.hash(data: root).map { $0 }) }
        for serial in revoked.serials.sorted() { digest.update(data: Array("\(serial)\n".utf8)) }
        version = JoinToken.hex(digest.finalize().prefix(16))
    }
}
