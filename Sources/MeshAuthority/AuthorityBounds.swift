internal import NIOCore

/// What nodes may take of an authority, and an authority of its nodes.
package enum AuthorityBounds {
    /// Of nodes and authorities that have shown their certificate: each node holds one that waits for changes, and opens one per certificate.
    static let connections = 2048
    /// Of those, of one node.
    static let perNode = 256
    /// Connections that have shown no certificate, joining nodes among them; those of one address (IPv6: of one /64) among them.
    static let arrivals = 1024
    static let perAddress = 256
    /// How long such a connection lasts at most; less when there are many: then the oldest that said nothing gives way.
    static let arrivalTime = TimeAmount.seconds(10)
    /// Connections that the kernel keeps until they are accepted.
    static let backlog = 4096
    /// Bytes of a question.
    static let question = 16 << 10
    /// Bytes of an answer: roots, and at most `RevocationRecord.maximumCertificates` serials.
    static let answer = 4 << 20
    /// Certificates that are signed at a time.
    static let signing = 64
    /// Questions of one node at once, and then per second: a node with thousands of services may start.
    static let nodeBurst = 500.0
    static let nodeRate = 100.0
    /// Attempts to join from one address at once, and then per second.
    static let joinBurst = 10.0
    static let joinRate = 1.0
    /// Nodes and addresses whose rate is remembered.
    static let rates = 20_000
    /// A reader of changes is answered after this, changed or not.
    package static let longestWait = Duration.seconds(20)
    /// Between two looks at the authority's files.
    static let look = Duration.milliseconds(500)
    /// Between two writings of which node has what.
    static let journal = Duration.seconds(2)
}
