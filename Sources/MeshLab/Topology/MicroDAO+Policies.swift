extension Topology {
    /// The policy files of systemd/examples/policy, word for word; a test compares them.
    package static let microDAOPolicies: [String: String] = [
        "agent-orchestrator": """
        # service: agent-orchestrator; agents have no direct RWA access
        allow: [llm-proxy, usage]
        deny: [rwa]
        # A run takes 10 to 60 s, is never sent twice, and waits in a queue of its own.
        timeouts: {request: 60s}
        retries: {enabled: false}
        concurrency: 32
        queue: {limit: 100, wait: 10s}
        mTLS: required

        """,
        "chain-rpc": """
        # service: chain-rpc, which calls nobody
        allow: []
        mTLS: required

        """,
        "embassy": """
        # service: embassy
        allow: [rwa, usage]
        deny: [wallet, agent, router]
        timeouts: {request: 500ms}
        retries: {attempts: 1}
        # For all nodes together; a node without `limits.redis` enforces it by itself.
        rate_limit: {limit: 500/min, scope: global}
        mTLS: required

        """,
        "gateway": """
        # service: gateway, the only entrance from outside
        allow: ["*"]
        mTLS: required

        """,
        "llm-proxy": """
        # service: llm-proxy, which calls nobody
        allow: []
        # Checked by its own node once it has something to ask: a connection that is accepted, or with `http: /path` an answer (docs/health.md).
        health: {readiness: {tcp: true, interval: 5s, timeout: 1s}}
        mTLS: required

        """,
        "messaging": """
        # service: messaging
        allow: [usage, storage]
        deny: [wallet]
        mTLS: required

        """,
        "projects": """
        # service: projects, which calls nobody
        allow: []
        mTLS: required

        """,
        "router": """
        # service: router
        allow: [agent-orchestrator, llm-proxy]
        timeouts: {request: 15s}
        retries: {attempts: 2}
        concurrency: 64
        mTLS: required

        """,
        "rwa": """
        # service: rwa
        allow: [wallet, usage]
        mTLS: required

        """,
        "storage": """
        # service: storage, which calls nobody
        allow: []
        mTLS: required

        """,
        "usage": """
        # service: usage, which calls nobody
        allow: []
        mTLS: required

        """,
        "wallet": """
        # service: wallet; a payment must never be sent twice
        allow: [usage, chain_rpc]
        deny: [messaging, router, embassy]
        timeouts: {request: 1s}
        retries: {enabled: false}
        circuit_breaker: high
        mTLS: required

        """,
    ]
}
