package import MeshTypes

/// Where a node finds its authority, and what it needs to join.
package struct RemoteAuthorityOptions: Sendable {
    /// In order of preference.
    package var servers: [SocketAddress]
    package var identity: NodeIdentity
    /// Holds a join token; read when the node has no certificate, and when it names another token than the last.
    package var tokenFile: String?
    /// For the node's key and certificate, and the roots.
    package var directory: String

    package init(servers: [SocketAddress], identity: NodeIdentity, tokenFile: String?, directory: String) {
        self.servers = servers
        self.identity = identity
        self.tokenFile = tokenFile
        self.directory = directory
    }
}

/// What an operator sees of an authority elsewhere.
package struct RemoteAuthorityStatus: Sendable {
    /// The one that answered last.
    package var server: SocketAddress?
    /// nil before the node has joined.
    package var nodeCertificate: NodeCertificateStatus?
    /// What keeps it from answering; nil after an answer.
    package var lastError: String?
}

/// The node's own certificate.
package struct NodeCertificateStatus: Sendable {
    package var serial: String
    /// Seconds since the epoch.
    package var notBefore: Int64
    package var notAfter: Int64
}
