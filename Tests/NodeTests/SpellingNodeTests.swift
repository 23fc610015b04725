import Foundation
import MeshLab
import Testing

/// An unprivileged process of a workload asks for an operation that its policy denies, in every spelling that a server might understand (R6.7).
@Suite(.serialized) final class SpellingNodeTests {
    private let lab: Lab
    private let caller: Workload
    private let callee: Workload
    private let bystander: Workload

    private static let allowing = "allow: [agent-orchestrator]\n"
    private static let denying = allowing + "deny: [{service: agent-orchestrator, operation: run}]\n"

    /// The bystander's file, with which nothing is denied, is the one to compare with.
    init() throws {
        var callee = Topology.Service("agent-orchestrator", port: 8083, program: .steerable, on: [.pod("node-2")], policy: "allow: []\n")
        callee.applicationProtocol = "http"
        let services = [
            Topology.Service("caller", port: 7009, program: .idle, on: [.pod("node-1")], policy: Self.denying),
            Topology.Service("bystander", port: 7010, program: .idle, on: [.pod("node-1")], policy: Self.allowing), callee,
        ]
        var topology = Topology(nodes: Topology.twoNodes, services: services)
        topology.aliases = ["agent": "agent-orchestrator"]
        lab = try Lab.raise(topology, name: "spelling")
        (caller, self.callee, bystander) = (lab.workload("caller"), lab.workload("agent-orchestrator"), lab.workload("bystander"))
        try lab.startDaemons()
    }

    deinit { try? lab.lower() }

    private static let forms = [
        "/internal/v1/agent-orchestrator/run", "/internal/v1/agent/run", "/internal/v1/agent_orchestrator/run", "/internal/v1/AGENT/Run",
        "/internal/v2/agent/run", "/internal/v1/agent/v2/run", "/internal/v1/agent/run.", "/internal/v1/agent/run,",
        "/internal/v1/agent/run/",
        "/internal/v1/agent/run/x", "/internal/v1/agent/run.json", "/internal/v1/agent//run", "/internal/v1/./agent/run",
        "/internal/v1/agent/x/../run", "/internal/v1/agent/%72un", "/internal/v1/agent;a=b/run", "/api/internal/v1/agent/run", "/agent/run",
        "/(S(x))/internal/v1/agent/run", "/internal/v1/agent/run?x=1", "/internal/v1/agent%2frun",
    ]
    private static let others = [
        "/", "/health", "/internal/v1/agent/status", "/internal/v1/agent-orchestrator/runs", "/internal/v1/agent/run-all?x=run",
        "/internal/v2/agent/jobs/list",
    ]

    /// - Returns: the status that each path was answered with, 0 for none.
    private func ask(_ paths: [String], from workload: Workload, _ options: [String] = []) throws -> [String: Int] {
        var found: [String: Int] = [:]
        for path in paths {
            let result = try lab.attack(
                from: .workload(workload),
                ["curl", "-sS", "--noproxy", "*", "--max-time", "5", "--path-as-is", "-o", "/dev/null", "-w", "%{http_code}"] + options
                    + ["http://agent-orchestrator:8083\(path)"])
            found[path] = Int(result.output.filter(\.isNumber).prefix(3)) ?? 0
        }
        return found
    }

    private func seen() -> Int { lab.requestsEverSeen(callee).count }

    @Test func noSpellingReachesTheServiceAndOtherOperationsDo() throws {
        let plain = try ask(Self.others, from: caller)
        #expect(plain.values.allSatisfy { $0 == 200 }, "\(plain)")
        #expect(seen() == Self.others.count)
        let answered = try ask(Self.forms, from: caller)
        #expect(answered.values.allSatisfy { $0 == 403 }, "\(answered.filter { $0.value != 403 })")
        #expect(seen() == Self.others.count, "\(lab.requestsEverSeen(callee).suffix(5))")
        // The laboratory's server would have answered: so it is the mesh that refused.
        let free = try ask([Self.forms[1], Self.forms[4], Self.forms[8]], from: bystander)
        #expect(free.values.allSatisfy { $0 == 200 }, "\(free)")
    }

    /// The caller's node has an older file, as one that was taken over would: the callee's node judges by its own.
    @Test func theCalleesNodeRefusesThemToo() throws {
        try lab.write(policy: Self.allowing, of: "caller", on: lab.node("node-1"))
        try lab.signalDaemon(lab.node("node-1"), SIGHUP)
        let direct = Self.forms[1]
        // Until the caller's node has taken it on it refuses by its own rules; afterwards the callee's node ends the stream.
        let address = "http://agent-orchestrator:8083\(direct)"
        let reason = ["curl", "-sS", "--noproxy", "*", "--max-time", "5", "-o", "/dev/null", "-w", "%header{x-myelin-reason}", address]
        #expect(try eventually { try lab.attack(from: .workload(caller), reason).output.contains("permit_withdrawn") })
        let before = seen()
        for options in [[], ["--http2-prior-knowledge"]] as [[String]] {
            let answered = try ask(Self.forms, from: caller, options)
            #expect(answered.values.allSatisfy { $0 != 200 }, "\(answered.filter { $0.value == 200 })")
        }
        #expect(seen() == before, "\(lab.requestsEverSeen(callee).suffix(5))")
        #expect(try ask([Self.others[2]], from: caller).values.allSatisfy { $0 == 200 })
    }

    /// The access log of both says so, and an operator can ask beforehand.
    @Test func explainSaysIt() throws {
        for (operation, permitted) in [("run", false), ("/internal/v2/agent/RUN.json", false), ("status", true), ("/agent/x/run", false)] {
            let result = try lab.control(lab.node("node-1"), ["explain", "caller", "agent", operation])
            #expect(result.succeeded == permitted, "\(result)")
            #expect(result.output.contains("caller.yaml:"), "\(result)")
        }
    }
}
