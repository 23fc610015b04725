/// Proves to other nodes that an announcement is this node's, and checks theirs: who may write into a store may not speak for a node.
package protocol AnnouncementSigner: Sendable {
    /// - Parameter bytes: exactly what is written to the store, the signature aside.
    func sign(_ bytes: [UInt8]) async throws(SourceFailure) -> AnnouncementSignature

    /// Whether `signature` was made over `bytes` by the node of that name. A failure says why not.
    func verify(_ signature: AnnouncementSignature, of bytes: [UInt8], node: String) async throws(SourceFailure)
}

package struct AnnouncementSignature: Sendable, Equatable {
    package let signature: [UInt8]
    /// The node's certificate and what leads to a trusted root, each in DER.
    package let chain: [[UInt8]]

    package init(signature: [UInt8], chain: [[UInt8]]) {
        self.signature = signature
        self.chain = chain
    }
}
