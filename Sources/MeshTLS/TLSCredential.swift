package import MeshTypes

/// A certificate chain, its key and the roots that peers are checked against.
package final class TLSCredential: Sendable {
    package let identity: SPIFFEID
    package init(identity: SPIFFEID) { self.identity = identity }
}

/// Which credential answers for which server name.
package final class TLSServerCredentials: Sendable {
    package init(_ byServerName: [String: TLSCredential]) {}
}
