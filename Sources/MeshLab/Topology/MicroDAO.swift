extension Topology {
    /// The platform's twelve services on two nodes in two zones, with the policies of the specification.
    ///
    /// wallet and usage run on both nodes; chain-rpc runs in the host namespace of node-1, storage in that of node-2; llm-proxy is
    /// reached over IPv6 only.
    package static var microDAO: Topology {
        let one = "node-1", two = "node-2"
        var services = [
            Service("gateway", port: 8080, program: .nginx, on: [.pod(one)], policy: "allow: [\"*\"]\n"),
            Service(
                "wallet", port: 8081, program: .nginx, on: [.pod(one), .pod(two)],
                policy: """
                    allow: [usage, chain_rpc]
                    deny: [messaging, router, embassy]
                    timeouts: {request: 1s}
                    retries: {enabled: false}
                    mTLS: required

                    """),
            Service(
                "messaging", port: 8082, program: .python, on: [.pod(one)],
                policy: "allow: [usage, storage]\ndeny: [wallet]\nmTLS: required\n"),
            Service(
                "agent-orchestrator", port: 8083, program: .python, on: [.pod(two)],
                policy: "allow: [llm-proxy, usage]\ndeny: [rwa]\ntimeouts: {request: 60s}\nretries: {enabled: false}\nmTLS: required\n"),
            Service(
                "embassy", port: 8084, program: .nginx, on: [.pod(two)],
                policy: "allow: [rwa, usage]\ndeny: [wallet, agent, router]\nmTLS: required\nrate_limit: 500/min\n"),
            Service(
                "router", port: 8085, program: .python, on: [.pod(one)],
                policy: "allow: [agent-orchestrator, llm-proxy]\ntimeouts: {request: 15s}\nmTLS: required\n"),
            Service("rwa", port: 8086, program: .nginx, on: [.pod(two)], policy: "allow: [wallet, usage]\nmTLS: required\n"),
            Service("usage", port: 8087, program: .python, on: [.pod(one), .pod(two)], policy: "allow: []\n"),
            Service("storage", port: 8088, program: .nginx, on: [.host(two)], policy: "allow: []\n"),
            Service("llm-proxy", port: 8089, program: .python, on: [.pod(one)], policy: "allow: []\n"),
            Service("chain-rpc", port: 8090, program: .nginx, on: [.host(one)], policy: "allow: []\n"),
            Service("projects", port: 8091, program: .python, on: [.pod(two)], policy: "allow: []\n"),
        ]
        for index in services.indices {
            services[index].applicationProtocol = "http"
            if services[index].name == "llm-proxy" { services[index].family = .ipv6Only }
        }
        var topology = Topology(
            nodes: [
                Node(name: one, zone: "eu-central-1a", region: "eu-central-1"),
                Node(name: two, zone: "eu-central-1b", region: "eu-central-1"),
            ],
            services: services)
        topology.aliases = ["agent": "agent-orchestrator"]
        return topology
    }
}
