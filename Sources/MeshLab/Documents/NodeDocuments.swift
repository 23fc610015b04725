internal import Foundation

/// What an operator would write for each node: node.yaml, the registry, the policies.
struct NodeDocuments {
    let plan: LabPlan
    let places: LabPlaces
    let binaries: Binaries

    /// The metrics' address in each node's namespace.
    static let metricsPort = 15020

    func write(for node: LabNode) throws(LabError) {
        for part in ["registry", "policy", "state", "run", "logs"] { try Documents.makeDirectory(node.directory + "/" + part) }
        try Documents.makeDirectory(places.directory + "/ca", mode: 0o700)
        try Documents.write(configuration(node), to: node.configurationFile)
        try Documents.write(registry(workloads: plan.workloads), to: node.registryDirectory + "/lab.yaml")
        for service in plan.topology.services {
            guard let policy = service.policy else { continue }
            try Documents.write(policy, to: "\(node.policyDirectory)/\(service.name).yaml")
        }
    }

    /// `ip netns exec` binds it over /etc/resolv.conf. The server is the node's address: an address that exists, where nobody listens
    /// unless the mesh answers.
    func writeResolver(namespace: String, node: LabNode) throws(LabError) {
        try Documents.makeDirectory("/etc/netns/" + namespace)
        let domain = "svc.cluster.local"
        try Documents.write(
            "nameserver \(node.ipv4)\nsearch \(plan.topology.namespace).\(domain) \(domain)\noptions ndots:3 timeout:2 attempts:2\n",
            to: "/etc/netns/\(namespace)/resolv.conf")
    }

    private func configuration(_ node: LabNode) -> String {
        let mount = String(places.cgroup.dropLast("/myelin-lab/\(places.name)".count))
        let below: (String) -> String = { String($0.dropFirst(mount.count)) }
        let aliases = plan.topology.aliases.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value)" }.joined(separator: ", ")
        return """
            node: {name: \(node.name), address: \(node.ipv4), zone: \(node.zone), region: \(node.region)}
            trust_domain: \(plan.topology.trustDomain)
            namespace: \(plan.topology.namespace)
            state: \(node.directory)/state
            run: \(node.directory)/run
            registry: \(registry(node))
            policy: \(node.policyDirectory)
            aliases: {\(aliases)}
            workers: \(node.workers)
            capture:
              cgroup: \(below(node.cgroup))
              daemon_cgroup: \(below(node.daemonCgroup))
              unknown: \(node.unknown)
              closed: [\(node.closed.map { below(node.cgroup) + $0 }.joined(separator: ", "))]
              direct: \(node.direct)
              pins: \(node.pins)
              objects: \(binaries.objects)
            dns: {domain: cluster.local, \(node.names)}
            \(node.agent.map { "spiffe: {agent: \"unix://\($0)\"}" } ?? authority(node))
            metrics: {listen: "127.0.0.1:\(Self.metricsPort)"}
            log: {access: \(node.logsAccess ? node.accessLog : "off"), level: info}
            \(node.extraConfiguration)
            """
    }

    private func registry(_ node: LabNode) -> String {
        let store = "etcd: {servers: [\"\(LabStore.server)\"], lease: \(LabStore.leaseSeconds)s}"
        return switch node.registry {
        case .files: node.registryDirectory
        case .store: "{\(store)}"
        }
    }

    private func authority(_ node: LabNode) -> String {
        let topology = plan.topology
        let lifetime = "lifetime: \(topology.authority.lifetime)s"
        guard topology.authority.isServed else { return "ca: {directory: \(places.directory)/ca, \(lifetime)}" }
        let carriers = plan.authorities
        func addresses(_ nodes: some Sequence<LabNode>) -> String { nodes.map { "\"\($0.ipv4):15012\"" }.joined(separator: ", ") }
        guard let place = carriers.firstIndex(where: { $0.name == node.name }) else {
            return "ca: {servers: [\(addresses(carriers))], token_file: \(node.joinTokenFile), \(lifetime)}"
        }
        let serve = "\(lifetime), serve: {listen: \(addresses([node]))}"
        guard !topology.authority.intermediates.isEmpty else { return "ca: {directory: \(places.directory)/ca, \(serve)}" }
        let files = topology.authority.intermediates[place]
        let peers = addresses(carriers.filter { $0.name != node.name })
        return "ca: {\(serve), peers: [\(peers)], "
            + "intermediate: {certificate: \(files)/chain.pem, key: \(files)/key.pem, roots: \(files)/roots.pem}}"
    }

    /// The registry with `workloads` as its endpoints; a service that has none left keeps its record.
    func registry(workloads: [Workload]) -> String {
        let mount = String(places.cgroup.dropLast("/myelin-lab/\(places.name)".count))
        var lines = ["nodes:"]
        for node in plan.nodes {
            lines.append("  - {name: \(node.name), address: \(node.ipv4), zone: \(node.zone), region: \(node.region)}")
        }
        lines.append("services:")
        for service in plan.topology.services {
            let endpoints = workloads.filter { $0.service == service.name }.flatMap { workload in
                let addresses = service.family == .ipv6Only ? [workload.ipv6] : [workload.ipv4, workload.ipv6]
                return addresses.map { "{address: \"\($0)\", node: \(workload.node), version: \(workload.version)}" }
            }
            lines.append("  - service: \(service.name)")
            lines.append("    namespace: \(plan.topology.namespace)")
            lines.append("    host: \(service.name).svc.cluster.local")
            lines.append("    port: \(service.port)")
            lines.append("    protocol: \(service.applicationProtocol)")
            lines.append("    metadata: {team: core, version: \(service.version)}")
            lines.append("    endpoints: [\(endpoints.joined(separator: ", "))]")
        }
        lines.append("workloads:")
        for workload in workloads {
            let netns = workload.isHost ? "host" : "/run/netns/" + workload.namespace
            let cgroup = workload.cgroup.dropFirst(mount.count)
            lines.append("  - {service: \(workload.service), node: \(workload.node), cgroup: \(cgroup), netns: \(netns)}")
        }
        return lines.joined(separator: "\n") + "\n"
    }
}
