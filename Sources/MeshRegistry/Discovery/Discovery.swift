package import MeshConfig
internal import MeshSystem
package import MeshTypes

/// Finds instances of services on this node by their process groups (R2.3).
///
/// Looking, not waiting for events: a cgroup's appearance could be told, but not that its process begins to listen. One look costs a few
/// system calls for each rule and one dump of listeners for each network namespace.
package actor Discovery: RegistrySource {
    /// Half a second at most from listening to the first call, with what the rest of the way takes.
    package static let interval = Duration.milliseconds(200)
    /// Found instances beyond this are not used.
    package static let maximumInstances = 10_000

    package nonisolated let name = SourceName(.discovery)
    private let rules: [DiscoveryRule]
    private let root: String
    private let node: String
    private let probe: InstanceProbe
    package private(set) var instances: [DiscoveredInstance] = []
    /// Why the last look failed as a whole, or left out some.
    package private(set) var failure: SourceFailure?

    /// - Parameters:
    ///   - root: the cgroup v2 mount.
    ///   - node: this node's name; `address` is where instances in its own namespace answer.
    package init(_ rules: [DiscoveryRule], root: String, node: String, address: IPAddress) {
        self.rules = rules
        self.root = root
        self.node = node
        probe = InstanceProbe(root: root, node: address, rules: rules)
    }

    package func run(_ report: @escaping @Sendable (SourceReport) async -> Void) async {
        while !Task.isCancelled {
            look()
            await report(self.report)
            do { try await Task.sleep(for: Self.interval) } catch { return }
        }
    }

    /// What the last look found.
    package var report: SourceReport {
        failure.map { .failed($0) } ?? .records(instances.records(node: node), SourceNote())
    }

    /// One look. What it finds is in `instances`.
    package func look() {
        var search = GroupSearch(root: root)
        search.search(rules)
        guard !search.isCutOff, search.found.count <= Self.maximumInstances else {
            failure = SourceFailure(
                .overBound,
                "the patterns of `discovery` lead to more than \(Self.maximumInstances) groups, or \(GroupSearch.maximumDirectories) directories",
                advice: "write narrower patterns; what was found before stays in force")
            return
        }
        do throws(SystemError) {
            var namespaces = try NamespaceListeners()
            let known = Dictionary(instances.map { ($0.cgroup, $0.workload) }) { first, _ in first }
            instances = search.found.map { found in
                var instance = probe.look(found, &namespaces)
                // A group whose processes have all ended stays captured: the next one starts captured.
                if instance.stage == .empty, let workload = known[found.path] ?? nil, workload.service == instance.service {
                    instance.workload = workload
                }
                return instance
            }
            failure = nil
        } catch {
            failure = SourceFailure(
                .unreachable, "the kernel does not tell who listens: \(error)", advice: "raise LimitNOFILE; run the daemon as root")
        }
    }
}
