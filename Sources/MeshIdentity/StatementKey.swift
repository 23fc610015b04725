package import MeshTLS
package import MeshTypes

/// What a service of this node signs statements with.
package struct StatementKey: Sendable {
    package let identity: SPIFFEID
    /// Leaf first, without the root, DER.
    package let chainDER: [[UInt8]]
    /// Seconds since the epoch: the end of its certificate.
    package let notAfter: Int64
    private let key: TLSPrivateKey

    package init(identity: SPIFFEID, chainDER: [[UInt8]], notAfter: Int64, key: TLSPrivateKey) {
        self.identity = identity
        self.chainDER = chainDER
        self.notAfter = notAfter
        self.key = key
    }

    package func sign(_ statement: [UInt8]) throws(TLSFailure) -> SignedStatement {
        SignedStatement(statement: statement, signature: try key.sign(statement), chainDER: chainDER)
    }
}
