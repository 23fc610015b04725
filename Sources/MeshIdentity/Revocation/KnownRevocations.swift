package import MeshTLS

/// Everything that an authority refuses: by its own orders, and by those of others under its root.
package struct KnownRevocations: Sendable, Equatable {
    package let own: RevocationRecord
    /// By the address of the authority.
    package let peers: [String: RevocationNotice]

    package static func read(in directory: String) throws(AuthorityFailure) -> KnownRevocations {
        KnownRevocations(own: try RevocationRecord.read(in: directory), peers: try PeerNotices.read(in: directory))
    }

    package var serials: RevokedSerials {
        RevokedSerials(peers.values.reduce(into: own.serials.serials) { $0.formUnion($1.serials) })
    }

    /// Which authority revoked the node, for messages; nil: none has.
    package func revoker(of node: String) -> String? {
        own.isRevoked(node: node) ? "this authority" : peers.filter { $0.value.nodes.contains(node) }.keys.min().map { "the one at \($0)" }
    }

    package func isRevoked(node: String) -> Bool { revoker(of: node) != nil }
}
