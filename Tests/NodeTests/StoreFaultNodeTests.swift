import Foundation
import MeshLab
import Testing

/// The store is cut off, is put back to an older state, lies, or has lost everything, while calls go on (R2.2).
@Suite(.serialized) final class StoreFaultNodeTests {
    private static let rate = 50.0
    /// Within half of the lease (2 s) a server that is silent is noticed, docs/etcd.md says; then it is tried once more, for 3 s.
    private static let noticed = 8.0
    private let lab: Lab
    private let caller: Workload
    private let callee: Workload
    private let store: LabStore

    init() throws {
        var nodes = Topology.twoNodes
        for index in nodes.indices {
            let cgroups = "/myelin-lab/storefault/\(nodes[index].name)/workloads"
            nodes[index].registry = .store
            nodes[index].extraConfiguration = """
                discovery:
                  - {cgroup: "\(cgroups)/caller-{index}", service: caller}
                  - {cgroup: "\(cgroups)/callee-{index}", service: callee, port: 7000, protocol: http}
                """
        }
        let services = [
            Topology.Service("caller", port: 7009, program: .idle, on: [.pod("node-1")], policy: "allow: [callee]\n"),
            Topology.Service("callee", port: 7000, program: .steerable, on: [.pod("node-2")], policy: "allow: []\n"),
        ]
        lab = try Lab.raise(Topology(nodes: nodes, services: services), name: "storefault")
        (caller, callee) = (lab.workload("caller"), lab.workload("callee"))
        do {
            store = try LabStore(lab)
            try store.declare("caller", #"{"service":"caller","port":7009}"#)
            try store.declare("callee", #"{"service":"callee","port":7000,"protocol":"http"}"#)
            try lab.startDaemons()
        } catch {
            try? lab.lower()
            throw error
        }
        #expect(try eventually(15) { isAnswered })
    }

    deinit {
        store.kill()
        try? lab.lower()
    }

    /// Also the callee's name must be known for it.
    private var isAnswered: Bool { (try? lab.send(RequestLoad("callee:7000", rate: 10, count: 2), from: caller).failed) == 0 }

    private func load(seconds: Double) throws -> RunningLoad {
        try lab.start(RequestLoad("callee:7000", rate: Self.rate, count: Int(Self.rate * seconds)), from: caller)
    }

    private func check(_ node: LabNode) -> String { (try? lab.control(node, ["check"]).output) ?? "no answer" }

    /// Waits until the node's diagnosis says `words` of etcd; how long that took.
    private func time(until words: String, _ node: LabNode, within seconds: Double) throws -> Duration {
        let start = ContinuousClock.now
        let said = try eventually(seconds) { check(node).contains(words) }
        #expect(said, "\(node.name) does not say \"\(words)\":\n\(check(node))")
        return ContinuousClock.now - start
    }

    private func isWell(_ node: LabNode) throws -> Bool { try lab.metrics(node).contains("myelin_registry_source_up{source=\"etcd\"} 1\n") }

    private func announced() throws -> String { try store.control(["get", "--prefix", "--keys-only", "/myelin/instances/"]).output }

    /// All nodes are cut off for longer than a lease: what they announced is gone from the store when they find it again.
    @Test func aPartitionFailsNobody() throws {
        let running = try load(seconds: 24)
        for node in lab.nodes { try store.setPath(to: node, isOpen: false) }
        let noticing = try time(until: "does not answer", lab.nodes[0], within: Self.noticed + 4)
        #expect(try eventually(5) { try announced().isEmpty }, "the leases have ended")
        for node in lab.nodes { try store.setPath(to: node, isOpen: true) }
        let start = ContinuousClock.now
        for node in lab.nodes { #expect(try eventually(15) { try isWell(node) }, "\(check(node))") }
        let healing = ContinuousClock.now - start
        #expect(try eventually(15) { try announced().contains("node-2/default/callee") }, "the node announces again by itself")
        let report = try running.finish()
        print("all nodes cut off from etcd: noticed after \(noticing), well \(healing) after it was back; \(report)")
        #expect(report.failed == 0, "\(report)")
        #expect(noticing < .seconds(Self.noticed))
    }

    /// Back to a state from before the callee was announced, with revisions that the nodes are far beyond.
    @Test func anOlderStateFailsNobody() throws {
        let snapshot = lab.directory + "/snapshot.db"
        try lab.stopService(callee)
        #expect(try eventually(10) { try announced().isEmpty })
        #expect(try store.control(["snapshot", "save", snapshot]).succeeded)
        try lab.startService(callee)
        #expect(try eventually(15) { isAnswered })
        for number in 0..<20 { try store.declare("later", #"{"service":"later","port":\#(8000 + number)}"#) }
        let revision = try store.control(["endpoint", "status", "-w", "json"]).output.firstMatch(of: /"revision":(\d+)/)?.1
        #expect(try store.control(["compact", String(try #require(revision))]).succeeded)

        let running = try load(seconds: 15)
        store.kill()
        let restored = lab.directory + "/restored"
        #expect(try store.control(["snapshot", "restore", snapshot, "--data-dir", restored]).succeeded)
        store.data = restored
        try store.start()
        #expect(try eventually(10) { try announced().contains("node-2/default/callee") }, "what the store forgot is announced again")
        for node in lab.nodes { #expect(try eventually(10) { try isWell(node) }, "\(check(node))") }
        // Nobody waits for a revision that does not come for long.
        let changed = ContinuousClock.now
        try store.declare("new", #"{"service":"new","port":9000}"#)
        #expect(try eventually(5) { try lab.control(lab.nodes[0], ["services"]).output.contains("new") })
        let change = ContinuousClock.now - changed
        // Longer than the lease.
        sleep(4)
        #expect(try announced().contains("node-2/default/callee"))
        let report = try running.finish()
        print("etcd restored from a snapshot: a change is known after \(change); \(report)")
        #expect(report.failed == 0, "\(report)")
    }

    @Test func whoeverPosesAsTheStoreFailsNobody() throws {
        let running = try load(seconds: 50)
        let daemon = try #require(lab.daemonProcesses(lab.nodes[0]).first)
        let before = try residentKilobytes(daemon)
        for (lie, words) in [("page", "[malformed]"), ("endless", "[over_bound]"), ("slow", "[unreachable]")] {
            store.kill()
            try store.impersonate(["/usr/bin/python3", PythonPeers.program("store_liar"), "10.87.0.254", "2379", lie])
            _ = try time(until: words, lab.nodes[0], within: 20)
        }
        let growth = try residentKilobytes(daemon) - before
        print("memory of the daemon that was lied to: \(growth) KiB more")
        #expect(growth < 48 << 10)
        // A store that has lost everything: nodes announce themselves again, and what operators declared is missed.
        store.kill()
        let data = store.data
        store.data = lab.directory + "/empty"
        try store.start()
        _ = try time(until: "are gone at once", lab.nodes[0], within: 12)
        #expect(try lab.control(lab.nodes[0], ["services"]).output.contains("caller"))
        store.kill()
        store.data = data
        try store.start()
        for node in lab.nodes { #expect(try eventually(12) { try isWell(node) }, "\(check(node))") }
        let report = try running.finish()
        print("etcd replaced by others: \(report)")
        #expect(report.failed == 0, "\(report)")
    }

    private func residentKilobytes(_ pid: Int32) throws -> Int {
        let status = try String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8)
        return try #require(status.firstMatch(of: /VmRSS:\s+(\d+)/).flatMap { Int($0.1) })
    }
}
