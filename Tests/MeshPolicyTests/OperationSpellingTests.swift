import MeshPolicy
import MeshTypes
import Testing

/// Where an operation is denied, a path passes only if it is provably another one (R6.7).
struct OperationSpellingTests {
    private static let orchestrator = ServiceName("agent-orchestrator")!
    private static let aliases = ServiceAliases([ServiceName("agent")!: orchestrator, ServiceName("runner")!: orchestrator])
    private static let place = RuleLocation(file: "a.yaml", line: 1, column: 1)

    private static func verdict(_ target: some Sequence<UInt8>, denied: Set<String> = ["run", "jobs/re-run"]) -> DenialReason {
        let rules = OperationRules(allowed: nil, denied: denied, aliases: aliases, rule: place)
        return Array(target).withUnsafeBytes { rules.verdict(on: $0, of: orchestrator) }
    }

    @Test(arguments: [
        "/internal/v1/agent-orchestrator/run", "/internal/v1/agent/run", "/internal/v1/runner/run", "/internal/v1/agent_orchestrator/run",
        "/internal/v1/Agent-Orchestrator/RUN", "/INTERNAL/V1/AGENT/RUN", "/internal/v2/agent/run", "/internal/latest/agent/run",
        "/internal/v1/agent/v2/run", "/internal/v1/agent/1/run", "/internal/agent/run", "/agent/run", "/run/agent/run", "/v1/agent/run",
        "/api/internal/v1/agent/run", "/proxy/x/internal/v1/agent/run/now", "/internal/v1/agent/agent/run", "/internal/v1/router/agent/run",
        "/internal/v1/agent.default/run", "/internal/v1/agent-orchestrator:8083/run", "/internal/x/v1/agent/y/run",
        // Forms that a server takes for the same.
        "/internal/v1/agent/run/", "/internal/v1/agent/run/all", "/internal/v1/agent/run.json", "/internal/v1/agent/run.xml?x=1",
        "/internal/v1/agent/run:cancel", "/internal/v1/agent/run~", "/internal/v1/agent/jobs/re_run", "/internal/v1/agent/jobs/RE-RUN.do",
        // What some server decodes, cuts off, collapses or splits.
        "/internal/v1/agent/run.", "/internal/v1/agent/run,", "/internal/v1/agent/run;a=b", "/internal/v1/agent/%72un",
        "/internal/v1/agent/ru%256e",
        "/internal/v1/agent//run", "//internal/v1/agent/run", "/internal/v1/./agent/run", "/internal/v1/x/../agent/run",
        "/internal/v1/agent\\run", "/internal/v1/agent/run ", "/internal/v1/agent/run+", "/internal/v1/agent/run#x",
        "/internal/v1/agent/run\0",
        "/internal/v1/agent/run\u{7f}", "/internal/v1/agent/run&x", "/internal/v1/agent/run=x", "/internal/v1/agent/(S(x))/run",
        "/(S(abc))/internal/v1/agent/run", "/internal/v1/agent/run$DATA", "/internal/v1/agent/run*", "/internal/v1/agent/run|x",
        "/internal/v1/agent/run!", "/internal/v1/agent/'run'", "/internal/v1/agent/\"run\"", "/internal/v1/agent/[run]",
        "/internal/v1/agent/r\u{fc}n", "/internal/v1/\u{430}gent/run", "/internal/v1/agent/\u{ff52}un", "/internal/v1/agent/.../run",
        "/internal/v1/agent./run", "http://agent/internal/v1/agent/run", "internal/v1/agent/run", "//", "/status//",
    ])
    func whatAServerMightTakeForItIsRefused(path: String) { #expect(Self.verdict(path.utf8) == .denied) }

    @Test(arguments: [
        "", "/", "*", "/?run", "/health", "/health/ready", "/metrics", "/internal/v1/agent/status",
        "/internal/v1/agent-orchestrator/status?x=%2Frun",
        "/internal/v1/agent/runs", "/internal/v1/agent/run-all", "/internal/v1/agent/rerun", "/internal/v1/agent/jobs",
        "/internal/v1/agent/jobs/list",
        "/internal/v1/agent/jobs/run", "/internal/v1/agent/list/run", "/internal/v1/agents/run", "/internal/v1/my-agent/run",
        "/internal/v1/wallet/run", "/internal/v2/agent/status/", "/run", "/files/a_b.tar.gz", "/users/x@example.org/12:30",
    ])
    func anotherOperationPasses(path: String) { #expect(Self.verdict(path.utf8) == .none) }

    /// What servers, their frameworks and proxies before them treat alike, one upon the other.
    @Test(arguments: [UInt64](1...200))
    func noEquivalentOfADeniedOperationPasses(seed: UInt64) {
        var random = FastRandom(seed: seed)
        let denied = ["run", "payout/claim", "a/b-c/d"].randomElement(using: &random)!
        let name = ["agent", "agent-orchestrator", "runner"].randomElement(using: &random)!
        let version = ["v1", "v2", "V9", "latest", "v1.1"].randomElement(using: &random)!
        var path = "/internal/\(version)/\(name)/\(denied)"
        for _ in 0..<Int.random(in: 0...6, using: &random) { path = Self.mutated(path, &random) }
        #expect(Self.verdict(path.utf8, denied: [denied]) == .denied, "\(path), seed \(seed)")
    }

    private static func mutated(_ path: String, _ random: inout FastRandom) -> String {
        let halves = path.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        let (path, query) = (halves[0], halves.count > 1 ? "?" + halves[1] : "")
        func everywhere(_ change: (Character) -> String) -> String {
            path.map { Bool.random(using: &random) ? change($0) : String($0) }.joined()
        }
        let plain = path.contains("%")
        let changed =
            switch Int.random(in: 0..<12, using: &random) {
            case 0: everywhere { $0.uppercased() }
            case 1: everywhere { $0 == "-" ? "_" : String($0) }
            case 2: everywhere { $0 == "/" ? "//" : String($0) }
            case 3: everywhere { $0 == "/" ? "/./" : String($0) }
            case 4: plain ? path : everywhere { $0 == "/" ? "/" : "%" + String($0.asciiValue ?? 0, radix: 16) }
            case 5: path + ["/", ".", ".json", ".xml", ";v=1", ",", "%00", "%20", "~", "/now"].randomElement(using: &random)!
            case 6: "/" + ["api", "proxy/v1", "x", "(S(1))", "v3"].randomElement(using: &random)! + path
            case 7: path + "?x=/health"
            case 8: everywhere { $0 == "/" ? "\\" : String($0) }
            case 9: everywhere { $0 == "/" ? ";s=1/" : String($0) }
            case 10: "/x/.." + path
            default: "http://agent-orchestrator" + path
            }
        return changed + (changed.contains("?") ? "" : query)
    }

    @Test func anAllowStaysExact() {
        let rules = OperationRules(allowed: ["status"], denied: [], aliases: Self.aliases, rule: Self.place)
        func verdict(_ path: String) -> DenialReason { Array(path.utf8).withUnsafeBytes { rules.verdict(on: $0, of: Self.orchestrator) } }
        #expect(verdict("/internal/v1/agent-orchestrator/status") == .none)
        for other in ["agent/status", "agent_orchestrator/status", "agent-orchestrator/Status", "agent-orchestrator/status/"] {
            #expect(verdict("/internal/v1/" + other) == .notAllowed, "\(other)")
        }
        #expect(verdict("/internal/v2/agent-orchestrator/status") == .notAllowed)
    }

    @Test func theSetHandsItsAliasesOn() {
        var policy = ServicePolicy(service: ServiceName("usage")!, location: Self.place)
        policy.allow = [PolicyRule(peer: .service(Self.orchestrator), location: Self.place)]
        policy.deny = [PolicyRule(peer: .service(Self.orchestrator), operation: "run", location: Self.place)]
        let set = PolicySet([policy], namespace: "default", aliases: Self.aliases)
        func identity(_ name: ServiceName) -> ServiceIdentity { ServiceIdentity(namespace: "default", name: name) }
        let rules = set.decide(source: identity(policy.service), destination: identity(Self.orchestrator)).operations
        let asked = Array("/internal/v1/agent/run".utf8)
        #expect(asked.withUnsafeBytes { rules?.verdict(on: $0, of: Self.orchestrator) } == .denied)
    }
}
