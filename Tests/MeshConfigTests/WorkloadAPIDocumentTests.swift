import MeshConfig
import Testing

@Suite struct WorkloadAPIDocumentTests {
    private func read(_ text: String) throws(DocumentErrors) -> NodeConfiguration {
        try NodeConfiguration.read(Array("node: {name: n, address: 10.0.0.1}\n\(text)\n".utf8), file: "node.yaml")
    }

    @Test func offUnlessNamed() throws {
        let configuration = try read("")
        #expect(configuration.spiffe.workloadSocket == nil && configuration.spiffe.agentSocket == nil)
    }

    @Test func readsBothRoles() throws {
        #expect(try read("spiffe: {workload_api: {socket: /run/spiffe/w.sock}}").spiffe.workloadSocket == "/run/spiffe/w.sock")
        let agent = try read("spiffe: {agent: \"unix:///run/spire/agent.sock\"}")
        #expect(agent.spiffe.agentSocket == "/run/spire/agent.sock")
        let again = try NodeConfiguration.read(Array(agent.rendered.utf8), file: "again.yaml")
        #expect(again.spiffe.agentSocket == "/run/spire/agent.sock" && again.rendered == agent.rendered)
    }

    @Test(arguments: [
        ("spiffe: {agent: \"unix:///a\", workload_api: {socket: /w}}", "let workloads ask the agent themselves"),
        ("spiffe: {agent: \"unix:///a\"}\nca: {lifetime: 12h}", "keep one of the two"),
        ("spiffe: {agent: \"tcp://127.0.0.1:8081\"}", "name its Unix socket"),
        ("spiffe: {agent: \"unix://host/a\"}", "unix:///run/spire/agent.sock"),
        ("spiffe: {agent: \"/run/agent.sock\"}", "unix:///run/spire/agent.sock"),
        ("spiffe: {agent: \"unix:///run/../agent.sock\"}", "unix:///run/spire/agent.sock"),
        ("spiffe: {agents: \"unix:///a\"}", "did you mean \"agent\"?"),
        ("spiffe: {agent: }", "give it one"),
        ("spiffe: {workload_api: {}}", "add it"),
        ("spiffe: {workload_api: {sockets: /w}}", "did you mean \"socket\"?"),
        ("spiffe: {workload_api: {socket: w.sock}}", ""),
        ("spiffe: {workload_api: {socket: /run/myelin/status.sock}}", "name another one"),
        ("spiffe: {workload_api: {socket: /\(String(repeating: "x", count: 96))}}", "use a shorter one"),
    ])
    func refusesWithALineAndAdvice(text: String, advice: String) throws {
        #expect {
            try read(text)
        } throws: { error in
            guard let errors = (error as? DocumentErrors)?.errors, let first = errors.first else { return false }
            return errors.contains { advice.isEmpty || $0.suggestion.contains(advice) } && "\(first)".hasPrefix("node.yaml:")
        }
    }
}
