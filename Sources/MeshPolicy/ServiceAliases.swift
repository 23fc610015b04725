package import MeshTypes

/// Every name that a service has: its own, and those that operators declared for it (`agent` for `agent-orchestrator`).
package struct ServiceAliases: Hashable, Sendable {
    package static let none = ServiceAliases([:])

    private let others: [ServiceName: Set<ServiceName>]

    /// - Parameter declared: the service by each of its other names.
    package init(_ declared: [ServiceName: ServiceName]) {
        others = Dictionary(grouping: declared.keys) { declared[$0] ?? $0 }.mapValues { Set($0) }
    }

    /// - Returns: `name` itself among them, in no order.
    package func names(of name: ServiceName) -> Set<ServiceName> { (others[name] ?? []).union([name]) }
}
