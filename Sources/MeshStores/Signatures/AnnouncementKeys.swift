package import MeshIdentity
package import MeshTLS
package import MeshTypes

/// The identities of this node, as far as announcements need them.
package protocol AnnouncementKeys: Sendable {
    /// nil while the service has no certificate here.
    func statementKey(of service: ServiceIdentity) async -> StatementKey?
    /// The roots that others' certificates descend from; nil before they are known.
    func trustBundle() async -> TrustBundle?
    /// Certificates that count no more.
    func revoked() async -> RevokedSerials
}

extension IdentityStore: AnnouncementKeys {}
