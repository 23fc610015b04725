package import MeshTypes

/// Which workload a cgroup belongs to (R1.4): the one whose own cgroup it is, or lies deepest above it.
package struct WorkloadDirectory: Sendable, Equatable {
    private let byCgroup: [String: Workload]

    package init(_ workloads: [Workload]) {
        byCgroup = Dictionary(workloads.map { (Self.normal($0.cgroup), $0) }) { first, _ in first }
    }

    package var workloads: some Collection<Workload> { byCgroup.values }

    /// - Parameter cgroup: below the cgroup v2 mount, with a leading slash. Containers and units make cgroups of their own below.
    package func workload(ofCgroup cgroup: String) -> Workload? {
        var path = Self.normal(cgroup)
        while true {
            if let workload = byCgroup[path] { return workload }
            guard let slash = path.lastIndex(of: "/") else { return nil }
            path = String(path[..<slash])
        }
    }

    /// Without a slash at the end; the root is empty.
    private static func normal(_ cgroup: String) -> String {
        var path = cgroup[...]
        while path.last == "/" { path.removeLast() }
        return String(path)
    }
}
