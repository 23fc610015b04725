extension NodeConfiguration {
    /// `admin:`; who may change something through the status socket, beside root and the daemon's own user.
    package struct Admin: Sendable {
        /// A group of the system: its members may open the socket and change things. nil: nobody else.
        package var group: String?
    }
}

/// Reads `admin:` of `node.yaml`.
enum AdminDocument {
    private static let longestGroup = 32

    static func admin(_ value: DocumentValue) -> NodeConfiguration.Admin {
        guard let mapping = value.completeMapping(keys: ["group"]) else { return NodeConfiguration.Admin() }
        return NodeConfiguration.Admin(group: mapping["group"]?.text(longest: longestGroup))
    }
}
