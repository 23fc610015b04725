/// Reads `spiffe:` of `node.yaml`: SVIDs for workloads, and SVIDs from an agent.
enum WorkloadAPIDocument {
    private static let keys = ["workload_api", "agent"]
    /// What a Unix socket's address holds (unix(7)), without the terminating NUL and what makes the name that is bound first.
    private static let longestSocketPath = 107 - ".1234567890".utf8.count

    /// - Parameter root: the whole document: an agent stands in the place of `ca`.
    static func spiffe(_ value: DocumentValue, root: DocumentMapping) -> NodeConfiguration.SPIFFE {
        var spiffe = NodeConfiguration.SPIFFE()
        guard let mapping = value.completeMapping(keys: keys) else { return spiffe }
        if let api = mapping["workload_api"]?.completeMapping(keys: ["socket"]) {
            spiffe.workloadSocket = api.required("socket")?.absolutePath().flatMap { fitting($0, api["socket"]) }
        }
        spiffe.agentSocket = mapping["agent"].flatMap(agent)
        guard mapping["agent"] != nil else { return spiffe }
        if mapping["workload_api"] != nil {
            mapping["workload_api"]?.report(
                "has nobody to issue SVIDs, where an `agent` gives this node its own",
                "let workloads ask the agent themselves, or leave `agent` out")
        }
        root["ca"]?.report("an authority of this mesh beside a SPIFFE `agent`", "keep one of the two: `ca`, or `spiffe.agent`")
        return spiffe
    }

    /// `unix:///path` (SPIFFE Workload Endpoint §4).
    private static func agent(_ value: DocumentValue) -> String? {
        guard let text = value.text(longest: 4096) else { return nil }
        let scheme = "unix://"
        if text.hasPrefix("tcp:") {
            value.report(
                "is an agent behind TCP, which cannot tell by the kernel who asks", "name its Unix socket: unix:///run/spire/agent.sock")
            return nil
        }
        let path = String(text.dropFirst(scheme.count))
        guard text.hasPrefix(scheme), path.hasPrefix("/"), !path.split(separator: "/").contains(".."), !path.contains("?"),
            !path.contains("#")
        else {
            value.report("is no Unix socket's URI", "write it as unix:///run/spire/agent.sock")
            return nil
        }
        return fitting(path, value)
    }

    private static func fitting(_ path: String, _ value: DocumentValue?) -> String? {
        guard path.utf8.count > longestSocketPath else { return path }
        value?.report("is a path of \(path.utf8.count) bytes, where \(longestSocketPath) are the most for a socket", "use a shorter one")
        return nil
    }
}
