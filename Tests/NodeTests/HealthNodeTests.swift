import Foundation
import MeshAdmin
import MeshLab
import Testing

/// Health checks on two real nodes: probes pass the guard of the workload's namespace, and what they find reaches the caller's node (R5.5).
@Suite(.serialized) final class HealthNodeTests {
    private let lab: Lab
    private let caller: Workload
    private let one: Workload
    private let two: Workload

    /// A file named after an instance's address makes it say that it is not ready: all namespaces share the machine's files.
    private static let flags = NSTemporaryDirectory() + "myelin-health-test"

    /// Answers with the address at which it was asked.
    private static let program = """
        import http.server, os, socket
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = 'HTTP/1.1'
            def do_GET(self):
                own = self.connection.getsockname()[0].replace('::ffff:', '')
                body = own.encode()
                self.send_response(503 if self.path == '/ready' and os.path.exists('\(flags)/' + own) else 200)
                self.send_header('content-length', str(len(body))); self.end_headers(); self.wfile.write(body)
            def log_message(self, *a): pass
        class Server(http.server.ThreadingHTTPServer): address_family = socket.AF_INET6
        Server(('::', 7000), Handler).serve_forever()
        """

    private static let policy = """
        allow: []
        balance: round_robin
        health:
          readiness: {http: /ready, interval: 1s, timeout: 1s, unhealthy: 2, healthy: 1}
          liveness: {http: /live, interval: 1s, timeout: 1s, unhealthy: 2}

        """

    init() throws {
        try? FileManager.default.removeItem(atPath: Self.flags)
        try FileManager.default.createDirectory(atPath: Self.flags, withIntermediateDirectories: true)
        var callee = Topology.Service(
            "callee", port: 7000, program: .command(["/usr/bin/python3", "-c", Self.program]), on: [.pod("node-2"), .pod("node-2")],
            policy: Self.policy)
        callee.applicationProtocol = "http"
        let services = [
            Topology.Service("caller", port: 7009, program: .idle, on: [.pod("node-1")], policy: "allow: [callee]\n"), callee,
        ]
        lab = try Lab.raise(Topology(nodes: Topology.twoNodes, services: services), name: "health")
        caller = lab.workload("caller")
        (one, two) = (lab.workload("callee", 0), lab.workload("callee", 1))
        try lab.startDaemons()
    }

    deinit {
        try? lab.lower()
        try? FileManager.default.removeItem(atPath: Self.flags)
    }

    private func set(_ workload: Workload, ready: Bool) throws {
        for address in [workload.ipv4, workload.ipv6] {
            let file = "\(Self.flags)/\(address)"
            if ready {
                try FileManager.default.removeItem(atPath: file)
            } else {
                try "".write(toFile: file, atomically: true, encoding: .utf8)
            }
        }
    }

    /// Asks in one program; which instances answered, and how many calls failed.
    private func ask(_ count: Int) throws -> (answered: Set<String>, failed: Int) {
        let text = try lab.run(
            in: caller,
            [
                "/bin/sh", "-c",
                "for i in $(seq \(count)); do curl -sf --noproxy '*' --max-time 5 http://callee:7000/ || echo failed; echo; done",
            ]
        ).output
        let answers = text.split(separator: "\n").map(String.init)
        let names = answers.map { [one.ipv4, one.ipv6].contains($0) ? "one" : [two.ipv4, two.ipv6].contains($0) ? "two" : "failed" }
        #expect(answers.count == count, "\(text)")
        return (Set(names).subtracting(["failed"]), names.count { $0 == "failed" })
    }

    /// How a node sees the instance's IPv4 endpoint.
    private func health(of workload: Workload, on node: LabNode) throws -> HealthView? {
        let text = try lab.control(node, ["endpoints", "callee", "-o", "json"]).output
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return try decoder.decode([EndpointView].self, from: Data(text.utf8)).first { $0.address == "\(workload.ipv4):7000" }?.health
    }

    /// Whether all endpoints of the instance are so: its IPv4 and its IPv6 address are asked apart, at moments of their own.
    private func are(_ workload: Workload, on node: LabNode, _ condition: (HealthView) -> Bool) throws -> Bool {
        let text = try lab.control(node, ["endpoints", "callee", "-o", "json"]).output
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        let addresses = ["\(workload.ipv4):7000", "[\(workload.ipv6)]:7000"]
        let views = try decoder.decode([EndpointView].self, from: Data(text.utf8)).filter { addresses.contains($0.address) }
        return views.count == addresses.count && views.allSatisfy { condition($0.health) }
    }

    @Test func readinessAndLivenessReachTheCallersNode() throws {
        let (near, far) = (lab.nodes[0], lab.nodes[1])
        #expect(try eventually { try are(one, on: far) { $0.state == .ready } && are(two, on: far) { $0.state == .ready } })
        #expect(try ask(20) == (["one", "two"], 0))
        #expect(try eventually { try are(one, on: near) { $0.state == .ready } })

        try set(one, ready: false)
        #expect(try eventually { try are(one, on: near) { $0.state == .unready } })
        #expect(try ask(40) == (["two"], 0))
        #expect(try health(of: one, on: far)?.failure == "answered 503")
        let check = try lab.control(far, ["check"]).output
        #expect(check.contains("callee at \(one.ipv4):7000 is not ready since") && check.contains("answered 503"))
        let metrics = try lab.metrics(far)
        #expect(metrics.contains("myelin_endpoint_ready{service=\"callee\",namespace=\"default\",endpoint=\"\(one.ipv4):7000\"} 0"))
        #expect(metrics.contains("myelin_endpoint_alive{service=\"callee\",namespace=\"default\",endpoint=\"\(one.ipv4):7000\"} 1"))
        #expect(metrics.contains("check=\"readiness\",result=\"failed\""))
        try set(one, ready: true)
        #expect(try eventually { try are(one, on: near) { $0.state == .ready } })
        #expect(try ask(60) == (["one", "two"], 0))

        for process in lab.processes(of: two) { kill(process, SIGSTOP) }
        #expect(try eventually { try are(two, on: far) { $0.isHanging == true } && are(two, on: near) { $0.state == .unready } })
        #expect(try ask(20) == (["one"], 0))
        #expect(try lab.control(far, ["check"]).status == 1)
        for process in lab.processes(of: two) { kill(process, SIGCONT) }
        #expect(try eventually { try are(two, on: near) { $0.state == .ready } })

        try lab.restartDaemon(far)
        #expect(try ask(20).failed == 0)
        #expect(try eventually { try are(one, on: far) { $0.state == .ready } })
        let log = try String(contentsOfFile: far.daemonLog, encoding: .utf8)
        #expect(!(log.components(separatedBy: "\"serving\"").last ?? "").contains("endpoint is not ready"), "a daemon's start changed it")
    }
}
