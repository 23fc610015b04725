/// On which nodes a service may run without a record of the workload there, by an operator's word: the authority gives these nodes its
/// certificate (R1.5).
package enum HostingNodes: Sendable, Hashable {
    /// Where a workload is registered, and nowhere else.
    case registered
    case named(Set<String>)
    case any

    func contains(_ node: String) -> Bool {
        switch self {
        case .registered: false
        case .named(let names): names.contains(node)
        case .any: true
        }
    }
}
