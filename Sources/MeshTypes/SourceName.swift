/// Which source of registry records is meant: its kind, and a name if there are several of a kind.
package struct SourceName: Hashable, Sendable, Comparable, CustomStringConvertible {
    /// In the order of precedence that holds unless the operator gives another (`registry.order`).
    package enum Kind: String, Sendable, Codable, CaseIterable {
        /// `registry.files`.
        case files
        /// What was registered over the status socket.
        case embedded
        case etcd, consul, dns
        /// What the rules of `discovery:` found on this node.
        case discovery

        /// Kept by this node itself: what it says is true at once, however little it is.
        package var isLocal: Bool {
            switch self {
            case .embedded, .discovery: true
            case .files, .etcd, .consul, .dns: false
            }
        }

        /// Set by this node's own operator and what runs here: other nodes are told of what it has on this node.
        package var isAnnounced: Bool {
            switch self {
            case .files, .embedded, .discovery: true
            case .etcd, .consul, .dns: false
            }
        }
    }

    package let kind: Kind
    /// Empty for the only one of its kind.
    package let instance: String

    package init(_ kind: Kind, instance: String = "") {
        self.kind = kind
        self.instance = instance
    }

    /// `etcd`, or `etcd/west`.
    package init?(_ text: some StringProtocol) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let kind = Kind(rawValue: String(parts[0])) else { return nil }
        self.init(kind, instance: parts.count == 2 ? String(parts[1]) : "")
    }

    package var description: String { instance.isEmpty ? kind.rawValue : "\(kind.rawValue)/\(instance)" }

    package static func < (left: Self, right: Self) -> Bool { left.description < right.description }
}
