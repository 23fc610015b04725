import Foundation
import MeshAdmin
import MeshLab
import Testing

/// Instances that no file names: found by their cgroup, or registered over the status socket (R2.2, R2.3).
@Suite(.serialized) final class DiscoveryNodeTests {
    private let lab: Lab
    private let near: Workload
    private let far: Workload
    private let first: Workload
    private let second: Workload
    private let manual: Workload
    private let node: LabNode

    private static let times = NSTemporaryDirectory() + "myelin-discovery-test"

    /// Answers with its own address; writes down when it began to listen, in seconds.
    private static func program(_ port: Int) -> String {
        """
        import http.server, os, socket, sys, time
        def note(what, own):
            os.makedirs('\(times)', exist_ok=True)
            path = '\(times)/' + what + '-' + own
            if not os.path.exists(path): open(path, 'w').write(repr(time.time()))
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = 'HTTP/1.1'
            def do_GET(self):
                own = self.connection.getsockname()[0].replace('::ffff:', '')
                if self.path == '/slow': time.sleep(2)
                body = own.encode()
                self.send_response(200)
                self.send_header('content-length', str(len(body))); self.end_headers(); self.wfile.write(body)
            def log_message(self, *a): pass
        class Server(http.server.ThreadingHTTPServer): address_family = socket.AF_INET6
        server = Server(('::', \(port)), Handler)
        note('listening', str(\(port)))
        server.serve_forever()
        """
    }

    init() throws {
        try? FileManager.default.removeItem(atPath: Self.times)
        var nodes = Topology.twoNodes
        nodes[1].extraConfiguration = """
            discovery:
              - {cgroup: "/myelin-lab/disco/node-2/workloads/callee{kind}-{index}", service: callee, port: 7000, protocol: http, version: "v{index}"}
            """
        func callee(_ name: String, port: UInt16) -> Topology.Service {
            Topology.Service(
                name, port: port, program: .command(["/usr/bin/python3", "-c", Self.program(Int(port))]), on: [.pod("node-2")],
                policy: "allow: []\n")
        }
        let services = [
            Topology.Service(
                "caller", port: 7009, program: .idle, on: [.pod("node-1"), .pod("node-2")], policy: "allow: [callee, manual]\n"),
            callee("calleea", port: 7000), callee("calleeb", port: 7000), callee("manual", port: 7001),
        ]
        lab = try Lab.raise(Topology(nodes: nodes, services: services), name: "disco")
        (far, near) = (lab.workload("caller", 0), lab.workload("caller", 1))
        (first, second, manual) = (lab.workload("calleea"), lab.workload("calleeb"), lab.workload("manual"))
        node = lab.node("node-2")
        try lab.stopService(second)
        try lab.write(policy: "allow: []\nbalance: round_robin\n", of: "callee")
        for target in lab.nodes { try lab.write(registryText: try Self.registry(lab, far, near, first, on: target), on: target) }
        try? FileManager.default.removeItem(atPath: Self.times)
        try lab.startDaemons()
    }

    /// The other node must know the first instance by its files, since this laboratory has no store.
    private static func registry(_ lab: Lab, _ far: Workload, _ near: Workload, _ first: Workload, on node: LabNode) throws -> String {
        let nodes = lab.nodes.map { "{name: \($0.name), address: \($0.ipv4), zone: \($0.zone), region: \($0.region)}" }
        let callers = [far, near].map { caller in
            let cgroup = caller.cgroup[(caller.cgroup.range(of: "/myelin-lab/")!.lowerBound)...]
            return "{service: caller, node: \(caller.node), cgroup: \(cgroup), netns: /run/netns/\(caller.namespace)}"
        }
        let callee =
            node.name == far.node
            ? "{service: callee, port: 7000, protocol: http, endpoints: [{address: \(first.ipv4), node: node-2}]}" : ""
        return """
            nodes: [\(nodes.joined(separator: ", "))]
            services: [{service: caller, port: 7009}\(callee.isEmpty ? "" : ", " + callee)]
            workloads: [\(callers.joined(separator: ", "))]

            """
    }

    deinit {
        try? lab.lower()
        try? FileManager.default.removeItem(atPath: Self.times)
    }

    private func time(_ what: String) -> Double? {
        (try? String(contentsOfFile: "\(Self.times)/\(what)", encoding: .utf8)).flatMap(Double.init)
    }

    private func ask(_ name: String, from caller: Workload, _ path: String = "/") throws -> String {
        try lab.curl(from: caller, "http://\(name)\(path)", ["-f"]).output
    }

    private static func addresses(_ workload: Workload) -> Set<String> { [workload.ipv4, workload.ipv6] }

    /// A line each: when it was asked, and who answered.
    private static func calls(_ output: String) -> [(time: Double, who: String)] {
        output.split(separator: "\n").compactMap { line in
            let words = line.split(separator: " ")
            return words.count == 2 ? Double(words[0]).map { ($0, String(words[1])) } : nil
        }
    }

    /// Who answered `count` calls, and how many calls failed.
    private func ask(_ count: Int) throws -> (answered: Set<String>, failed: Int) {
        let loop = "for i in $(seq \(count)); do curl -sf --noproxy '*' --max-time 5 http://callee:7000/ || echo failed; echo; done"
        let lines = try lab.run(in: near, ["/bin/sh", "-c", loop]).output.split(separator: "\n").map(String.init)
        return (Set(lines.filter { $0 != "failed" }), lines.count { $0 == "failed" })
    }

    private func control(_ words: [String]) throws -> CommandResult { try lab.control(node, words) }

    /// What the daemon says, for whoever reads a failure.
    private func state() -> String {
        let commands = [["registry"], ["registry", "instances"], ["workloads"], ["endpoints"], ["check"], ["flows", "--limit", "3"]]
        return commands.map { (try? control($0).output) ?? "no answer\n" }.joined(separator: "\n") + lab.daemonLogTail(node)
    }

    @Test func whatAppearsTakesTrafficWithinASecondAndWhatStopsIsDrained() throws {
        #expect(try eventually { try Self.addresses(first).contains(ask("callee:7000", from: near)) }, "\(state())")
        #expect(try eventually { try ask("callee:7000", from: far) == first.ipv4 })

        let loop = "while :; do echo $(date +%s.%N) $(curl -sf --noproxy '*' --max-time 5 http://callee:7000/ || echo failed); done"
        let load = try lab.spawn(in: near, ["/bin/sh", "-c", loop])
        try? FileManager.default.removeItem(atPath: Self.times)
        try lab.startService(second)
        var calls: [(time: Double, who: String)] = []
        #expect(
            try eventually {
                calls = try Self.calls(String(contentsOfFile: load.output, encoding: .utf8))
                return calls.contains { Self.addresses(second).contains($0.who) }
            })
        let asked = try #require(calls.first { Self.addresses(second).contains($0.who) }).time
        let took = asked - (try #require(time("listening-7000")))
        print("discovered and asked \(took) s after it listened")
        #expect(took < 1)
        let found = try control(["registry", "instances"]).output
        #expect(found.contains("listening") && found.contains("v0") && found.contains("\(second.ipv4):7000"), "\(found)")

        try lab.stopService(second)
        usleep(1_000_000)
        let (answered, failed) = try ask(20)
        #expect(answered.isSubset(of: Self.addresses(first)) && failed == 0)
        #expect(try !control(["endpoints"]).output.contains(second.ipv4))
        kill(load.process.pid, SIGKILL)
        let failures = try Self.calls(String(contentsOfFile: load.output, encoding: .utf8)).count { $0.who == "failed" }
        #expect(failures == 0, "calls failed while an instance came and went")
    }

    @Test func anInstanceRegistersDrainsAndIsRememberedByTheNextDaemon() throws {
        let cgroup = String(manual.cgroup[(manual.cgroup.range(of: "/myelin-lab/")!.lowerBound)...])
        let register = [
            "register", "m1", "--service", "manual", "--port", "7001", "--protocol", "http", "--address", manual.ipv4, "--cgroup", cgroup,
            "--netns",
            "/run/netns/" + manual.namespace,
        ]
        #expect(try control(register).status == 0)
        #expect(try eventually { try ask("manual:7001", from: near) == manual.ipv4 }, "\(state())")

        let slow = try lab.spawn(in: near, ["curl", "-sf", "--noproxy", "*", "--max-time", "9", "http://manual:7001/slow"])
        usleep(500_000)
        #expect(try control(["drain", "m1"]).status == 0)
        #expect(try eventually(2) { try lab.curl(from: near, "http://manual:7001/").status != 0 })
        #expect(try eventually { try String(contentsOfFile: slow.output, encoding: .utf8) == manual.ipv4 }, "a call under way was cut off")

        try lab.restartDaemon(node)
        try lab.awaitReady(node)
        #expect(try control(["registry", "instances"]).output.contains("draining"))
        #expect(try control(["drain", "m1", "--undo"]).status == 0)
        #expect(try eventually { try ask("manual:7001", from: near) == manual.ipv4 })

        #expect(try control(["drain", "node"]).status == 0)
        #expect(try eventually(2) { try lab.curl(from: near, "http://manual:7001/").status != 0 })
        // Also after a restart, for as long as the operator does not take it back.
        try lab.restartDaemon(node)
        #expect(try control(["check"]).output.contains("this node drains since"))
        #expect(try lab.curl(from: near, "http://manual:7001/").status != 0)
        #expect(try control(["drain", "node", "--undo"]).status == 0)
        #expect(try eventually(2) { try ask("manual:7001", from: near) == manual.ipv4 })

        #expect(try control(["register", "m1", "--service", "manual", "--port", "7001", "--address", "127.0.0.1"]).status == 1)
        #expect(try control(["deregister", "m1"]).status == 0)
        #expect(try control(["deregister", "m1"]).status == 1)
    }

    @Test func onlyThePermittedChangeAnything() throws {
        // As an operator who lets everybody look.
        chmod(node.statusSocket, 0o666)
        let curl = ["curl", "-s", "--unix-socket", node.statusSocket]
        let nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
        #expect(try lab.runOnNode(node, nobody + curl + ["http://x/v1/registry"]).output.contains("\"sources\""))
        let refused = try lab.runOnNode(node, nobody + curl + ["-X", "PUT", "-w", "%{http_code}", "http://x/v1/drain"]).output
        #expect(refused.hasSuffix("403") && refused.contains("user 65534 may look, and change nothing"), "\(refused)")
        #expect(try lab.runOnNode(node, curl + ["-X", "DELETE", "-w", "%{http_code}", "http://x/v1/drain"]).output.hasSuffix("200"))
    }
}
