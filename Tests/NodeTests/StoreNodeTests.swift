import Foundation
import MeshAdmin
import MeshLab
import Testing

/// Three nodes that were given a token, the authority's address and etcd's, and no list of what runs where (R1.5, R2.2, R2.3).
@Suite(.serialized) final class StoreNodeTests {
    private let lab: Lab
    private let caller: Workload
    private let farCaller: Workload
    private let here: Workload
    private let there: Workload
    private let etcd: LabStore

    /// Writes down when it began to listen, in seconds; answers with its own address.
    private static func program(_ times: String) -> String {
        """
        import http.server, os, socket, time
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = 'HTTP/1.1'
            def do_GET(self):
                body = self.connection.getsockname()[0].replace('::ffff:', '').encode()
                self.send_response(200)
                self.send_header('content-length', str(len(body))); self.end_headers(); self.wfile.write(body)
            def log_message(self, *a): pass
        class Server(http.server.ThreadingHTTPServer): address_family = socket.AF_INET6
        server = Server(('::', 7000), Handler)
        open('\(times)', 'w').write(repr(time.time()))
        server.serve_forever()
        """
    }

    private static let callee = #"{"service":"callee","port":7000,"protocol":"http","nodes":["node-1","node-2"]}"#
    private static let listening = NSTemporaryDirectory() + "myelin-store-test"

    init() throws {
        var nodes = Topology.twoNodes + [Topology.Node(name: "node-3", zone: "zone-c", region: "region")]
        for (index, node) in nodes.map(\.name).enumerated() {
            nodes[index].registry = .store
            nodes[index].extraConfiguration = """
                discovery:
                  - {cgroup: "/myelin-lab/store/\(node)/workloads/caller-{index}", service: caller}
                  - {cgroup: "/myelin-lab/store/\(node)/workloads/callee{kind}-{index}", service: callee, port: 7000, protocol: http}
                """
        }
        func callee(_ name: String, on node: String) -> Topology.Service {
            Topology.Service(
                name, port: 7000, program: .command(["/usr/bin/python3", "-c", Self.program(Self.listening)]), on: [.pod(node)],
                policy: "allow: []\n")
        }
        let services = [
            Topology.Service("caller", port: 7009, program: .idle, on: [.pod("node-1"), .pod("node-3")], policy: "allow: [callee]\n"),
            callee("calleea", on: "node-1"), callee("calleeb", on: "node-2"),
        ]
        var topology = Topology(nodes: nodes, services: services)
        topology.authority.isServed = true
        lab = try Lab.raise(topology, name: "store")
        (caller, farCaller) = (lab.workload("caller", on: "node-1"), lab.workload("caller", on: "node-3"))
        (here, there) = (lab.workload("calleea"), lab.workload("calleeb"))
        etcd = try LabStore(lab)
        try lab.write(policy: "allow: []\nbalance: round_robin\n", of: "callee")
        // What an operator says: which services there are, and where they may run. Only then the authority gives nodes their certificates.
        try etcd.declare("caller", #"{"service":"caller","port":7009,"nodes":"any"}"#)
        try etcd.declare("callee", Self.callee)
        try lab.startDaemons()
    }

    deinit {
        etcd.kill()
        try? lab.lower()
        try? FileManager.default.removeItem(atPath: Self.listening)
    }

    /// When, in seconds, the first call was made that one of `addresses` answered.
    private static func firstCall(_ file: String, by addresses: Set<String>) throws -> Double? {
        for line in try String(contentsOfFile: file, encoding: .utf8).split(separator: "\n") {
            let words = line.split(separator: " ").map(String.init)
            if words.count == 2, addresses.contains(words[1]) { return Double(words[0]) }
        }
        return nil
    }

    private func ask(from caller: Workload) throws -> String { try lab.curl(from: caller, "http://callee:7000/", ["-f"]).output }

    private func control(_ words: [String]) throws -> String { try lab.control(lab.node("node-1"), words).output }

    private func state() -> String {
        [["registry"], ["endpoints"], ["check"], ["flows", "--limit", "3"]].map { (try? control($0)) ?? "no answer\n" }.joined(
            separator: "\n")
            + lab.nodes.map(lab.daemonLogTail).joined(separator: "\n")
    }

    @Test func whatStartsAnywhereIsKnownEverywhereAndWhatIsGoneIsNot() throws {
        let near: Set = [here.ipv4, here.ipv6]
        let far: Set = [there.ipv4, there.ipv6]
        for caller in [caller, farCaller] {
            #expect(try eventually(15) { try far.union(near).contains(ask(from: caller)) }, "\(state())")
        }
        #expect(try eventually(15) { try control(["endpoints"]).contains(there.ipv4) }, "\(state())")

        // One that stops is known to be gone; one that starts on the other node takes calls within a second.
        try lab.stopService(there)
        #expect(try eventually(3) { try !control(["endpoints"]).contains(there.ipv4) }, "\(state())")
        try lab.stopService(here)
        #expect(try eventually(3) { try !control(["endpoints"]).contains(here.ipv4) })
        #expect(try lab.curl(from: caller, "http://callee:7000/", ["-f"]).status != 0)
        try? FileManager.default.removeItem(atPath: Self.listening)
        let loop = "while :; do echo $(date +%s.%N) $(curl -sf --noproxy '*' --max-time 5 http://callee:7000/ || echo failed); done"
        let load = try lab.spawn(in: caller, ["/bin/sh", "-c", loop])
        try lab.startService(there)
        var answered: Double?
        #expect(
            try eventually(15) {
                answered = try Self.firstCall(load.output, by: far)
                return answered != nil
            }, "\(state())")
        let began = try #require(Double(String(contentsOfFile: Self.listening, encoding: .utf8)))
        print("called \(try #require(answered) - began) s after it listened on the other node")
        #expect(try #require(answered) - began < 1)

        // etcd dies: calls go on, and the node says what is wrong.
        etcd.kill()
        #expect(try eventually(15) { try control(["registry"]).contains("failing") }, "\(state())")
        let before = try String(contentsOfFile: load.output, encoding: .utf8).count
        sleep(4)
        let text = try String(contentsOfFile: load.output, encoding: .utf8).dropFirst(before)
        #expect(text.split(separator: "\n").count > 20 && !text.contains("failed"), "\(text.suffix(200))")
        kill(load.process.pid, SIGKILL)
    }

    @Test func aNodeThatIsLostIsForgottenWithItsLease() throws {
        #expect(try eventually(15) { try control(["endpoints"]).contains(there.ipv4) }, "\(state())")
        let start = ContinuousClock.now
        try lab.signalDaemon(lab.node("node-2"), SIGKILL)
        #expect(try eventually(15) { try !control(["endpoints"]).contains(there.ipv4) }, "\(state())")
        let took = ContinuousClock.now - start
        print("forgotten \(took) after its node was lost")
        #expect(took < .seconds(6))
        #expect(try control(["endpoints"]).contains(here.ipv4))
    }
}
