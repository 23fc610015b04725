extension Topology {
    /// The platform's twelve services on two nodes in two zones, with the policies of the specification.
    ///
    /// wallet runs on both nodes, usage in two versions on each; chain-rpc runs in the host namespace of node-1, storage in that of node-2;
    /// llm-proxy is reached over IPv6 only.
    package static var microDAO: Topology {
        let one = "node-1", two = "node-2"
        let (old, new) = (microDAOVersions.old, microDAOVersions.new)
        var services = [
            microDAOService("gateway", 8080, .nginx, on: [.pod(one)]),
            microDAOService("wallet", 8081, .steerable, on: [.pod(one), .pod(two)]),
            microDAOService("messaging", 8082, .python, on: [.pod(one)]),
            microDAOService("agent-orchestrator", 8083, .steerable, on: [.pod(two)]),
            microDAOService("embassy", 8084, .nginx, on: [.pod(two)]),
            microDAOService("router", 8085, .python, on: [.pod(one)]),
            microDAOService("rwa", 8086, .nginx, on: [.pod(two)]),
            microDAOService(
                "usage", 8087, .steerable,
                on: [.pod(one, version: old), .pod(one, version: new), .pod(two, version: old), .pod(two, version: new)]),
            microDAOService("storage", 8088, .nginx, on: [.host(two)]),
            microDAOService("llm-proxy", 8089, .python, on: [.pod(one)]),
            microDAOService("chain-rpc", 8090, .nginx, on: [.host(one)]),
            microDAOService("projects", 8091, .python, on: [.pod(two)]),
        ]
        for index in services.indices where services[index].name == "llm-proxy" { services[index].family = .ipv6Only }
        var topology = Topology(
            nodes: [
                Node(name: one, zone: "eu-central-1a", region: "eu-central-1"),
                Node(name: two, zone: "eu-central-1b", region: "eu-central-1"),
            ],
            services: services)
        topology.aliases = ["agent": "agent-orchestrator"]
        return topology
    }

    /// The two versions of usage.
    package static let microDAOVersions = (old: "v1.0.0", new: "v1.1.0")

    private static func microDAOService(_ name: String, _ port: UInt16, _ program: Program, on instances: [Instance]) -> Service {
        var service = Service(name, port: port, program: program, on: instances, policy: microDAOPolicies[name])
        service.applicationProtocol = "http"
        return service
    }
}
