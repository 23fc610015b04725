extension Topology {
    /// Who may call whom in `microDAO`, written down from the specification's table and not from the policy files: what the mesh does
    /// is compared with this.
    package static let microDAOCalls: [String: Set<String>] = [
        "gateway": [
            "messaging", "agent-orchestrator", "embassy", "wallet", "router", "rwa", "usage", "storage", "llm-proxy", "chain-rpc",
            "projects",
        ],
        "messaging": ["usage", "storage"],
        "agent-orchestrator": ["llm-proxy", "usage"],
        "embassy": ["rwa", "usage"],
        "wallet": ["chain-rpc", "usage"],
        "router": ["agent-orchestrator", "llm-proxy"],
        "rwa": ["wallet", "usage"],
        "usage": [], "storage": [], "llm-proxy": [], "chain-rpc": [], "projects": [],
    ]
}
