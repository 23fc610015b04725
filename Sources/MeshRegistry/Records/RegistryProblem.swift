package import MeshConfig
package import MeshTypes

/// A record of a source that does not fit those of the sources before it, or not even its own.
package struct RegistryProblem: Sendable, Hashable {
    package enum Kind: String, Sendable, Codable, CaseIterable {
        /// Two records say different things of one name or address: that of the source before is used.
        case conflict
        /// It names a node or a service that no source knows, or an address that cannot be: it is left out.
        case invalid
    }

    package let kind: Kind
    package let source: SourceName
    package let error: DocumentError
}
