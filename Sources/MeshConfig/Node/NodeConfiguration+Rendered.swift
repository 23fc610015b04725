extension NodeConfiguration {
    /// The configuration in force as YAML that `load` reads: defaults included.
    package var rendered: String {
        var lines = [
            "node: {\(place.map { "\($0.key): \(quoted($0.value))" }.joined(separator: ", "))}",
            "trust_domain: \(quoted(trustDomain))",
            "namespace: \(quoted(namespace))",
            "state: \(quoted(stateDirectory))",
            "run: \(quoted(runDirectory))",
            "policy: \(quoted(policy))",
            "aliases: {\(aliases.map { "\($0.key): \($0.value)" }.sorted().joined(separator: ", "))}",
            "workers: \(workers)",
            "capture:",
            "  cgroup: \(quoted(capture.cgroup))",
            "  unknown: \(capture.unknown.rawValue)",
            "  closed: [\(capture.closed.map(quoted).joined(separator: ", "))]",
            "  pins: \(quoted(capture.pins))",
            "  direct: \(capture.direct)",
        ]
        if let cgroup = capture.daemonCgroup { lines.append("  daemon_cgroup: \(quoted(cgroup))") }
        if let objects = capture.objects { lines.append("  objects: \(quoted(objects))") }
        lines += [
            "tunnel: {port: \(tunnel.port), keepalive: \(tunnel.keepalive.short), connect_timeout: \(tunnel.connectTimeout.short)}"
        ]
        lines += dns.rendered
        lines += [
            // An agent stands in the authority's place.
            spiffe.agentSocket.map { "spiffe: {agent: \(quoted("unix://" + $0))}" } ?? AuthorityDocument.rendered(self, quoted: quoted),
            "metrics: {listen: \(quoted("\(metrics)"))}",
            "log: {access: \(quoted(log.access.map { $0.isEmpty ? "off" : $0 } ?? "stdout")), level: \(log.level.rawValue)}",
        ]
        if let socket = spiffe.workloadSocket { lines.append("spiffe: {workload_api: {socket: \(quoted(socket))}}") }
        if let redis = limits.redis { lines += rendered(redis) }
        lines += registry.rendered(quoted: quoted) + discovery.rendered(quoted: quoted)
        if let group = admin.group { lines.append("admin: {group: \(quoted(group))}") }
        return lines.joined(separator: "\n") + "\n"
    }

    private func rendered(_ redis: RedisAddress) -> [String] {
        var lines = ["limits:", "  redis: \(quoted("\(redis)"))"]
        if let username = limits.username { lines.append("  username: \(quoted(username))") }
        if let file = limits.passwordFile { lines.append("  password_file: \(quoted(file))") }
        if let file = limits.authorityFile { lines.append("  ca_file: \(quoted(file))") }
        return lines + ["  timeout: \(limits.timeout.short)", "  unavailable: \(limits.unavailable.rawValue)"]
    }

    /// An empty zone or region is one that is not known; `load` takes none that is empty.
    private var place: [(key: String, value: String)] {
        [("name", node.name), ("address", "\(node.address)"), ("zone", node.zone), ("region", node.region)].filter { !$0.1.isEmpty }
    }

    private func quoted(_ text: String) -> String { Self.quoted(text) }

    static func quoted(_ text: String) -> String {
        "\"" + text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"") + "\""
    }
}
