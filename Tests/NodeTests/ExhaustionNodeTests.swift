import Foundation
import MeshLab
import Testing

/// Unprivileged processes that open whatever they can: strangers at the tunnel's port, and a workload with its own identity. The daemons of
/// the laboratory have the descriptors that the machine allows (20,000 where these numbers come from).
@Suite(.serialized) final class ExhaustionNodeTests {
    private let lab: Lab
    private static let callers = (1...4).map { "caller-\($0)" }

    init() throws {
        var services = [
            Topology.Service(
                "echo", port: 7000, program: .command([Binaries.load, "echo", "--listen", "[::]:7000"]), on: [.pod("node-1")], policy: nil),
            Topology.Service(
                "far", port: 7001, program: .command([Binaries.load, "echo", "--listen", "[::]:7001"]), on: [.pod("node-2")], policy: nil),
            Topology.Service("web", port: 7002, program: .steerable, on: [.pod("node-2")], policy: nil),
            Topology.Service("greedy", port: 7003, program: .idle, on: [.pod("node-1")], policy: "allow: [web]\n"),
            Topology.Service("modest", port: 7004, program: .idle, on: [.pod("node-1")], policy: "allow: [web, far]\n"),
        ]
        services[2].applicationProtocol = "http"
        services += Self.callers.enumerated().map { index, name in
            Topology.Service(name, port: UInt16(7010 + index), program: .idle, on: [.pod("node-2")], policy: "allow: [echo]\n")
        }
        lab = try Lab.raise(Topology(nodes: Topology.twoNodes, services: services), name: "exhaustion")
        try lab.startDaemons()
    }

    deinit { try? lab.lower() }

    /// Opens as many connections as it may, keeps them, and says nothing; those that are ended are opened anew if `insists`.
    static func silent(_ count: Int, to host: String, _ port: Int, insists: Bool) -> [String] {
        let program = """
            import resource, select, socket, time
            _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
            held, lost = set(), 0
            ended = select.epoll()
            by_number = {}
            def open_one():
                s = socket.socket(); s.setblocking(False)
                try: s.connect(('\(host)', \(port)))
                except BlockingIOError: pass
                except OSError: s.close(); return
                by_number[s.fileno()] = s
                ended.register(s.fileno(), select.EPOLLHUP | select.EPOLLERR | select.EPOLLRDHUP)
            opened = 0
            until = time.time() + 40
            told = False
            while time.time() < until:
                for _ in range(200):
                    if len(by_number) >= \(count) or (not \(insists ? "True" : "False") and opened >= \(count)): break
                    open_one(); opened += 1
                for number, what in ended.poll(0.002, 1000):
                    s = by_number.pop(number, None)
                    if s: ended.unregister(number); s.close(); lost += 1
                if not told and opened >= \(count): print('ready', flush=True); told = True
            """
        return ["/usr/bin/python3", "-c", program]
    }

    private func awaitReady(_ output: String) throws {
        try #require(try eventually(30) { (try? String(contentsOfFile: output, encoding: .utf8))?.contains("ready") ?? false })
    }

    private func metric(_ node: LabNode, _ name: String) throws -> Double {
        let line = try lab.metrics(node).split(separator: "\n").first { $0.hasPrefix(name + " ") }
        return line.flatMap { $0.split(separator: " ").last }.flatMap { Double($0) } ?? 0
    }

    @Test func silentStrangersAtTheTunnelsPortFailNoTunnel() throws {
        let (victim, neighbour) = (lab.nodes[0], lab.nodes[1])
        let attacker = try lab.spawnAttacker(in: .uncaptured(neighbour), Self.silent(8200, to: victim.ipv4, 15008, insists: true))
        defer { attacker.process.end() }
        try awaitReady(attacker.output)
        // Each of these opens a tunnel of its own; from the attacker's own address, as behind a NAT.
        for caller in Self.callers {
            let result = try lab.run(in: lab.workload(caller), [Binaries.load, "short", "--connect", "echo:7000", "--count", "20"])
            #expect(result.succeeded, "\(caller): \(result)")
        }
        let out = try lab.run(in: lab.workload("modest"), [Binaries.load, "short", "--connect", "far:7001", "--count", "20"])
        #expect(out.succeeded, "\(out)")
        #expect(try metric(victim, "myelin_handshakes_refused_total{cause=\"displaced\"}") > 8000)
        #expect(try metric(victim, "myelin_handshakes") <= 512)
        let lines = try lab.control(victim, ["flows", "--denied", "-o", "json"]).output.split(separator: "\"handshake_limit\"").count - 1
        #expect(lines > 0 && lines < 100, "\(lines) lines")
    }

    @Test func aWorkloadThatOpensAllItCanLeavesTheOthersTheirPart() throws {
        let node = lab.nodes[0]
        let web = lab.workload("web")
        let attacker = try lab.spawnAttacker(
            in: .workload(lab.workload("greedy")), Self.silent(18_600, to: web.ipv4, Int(web.port), insists: true))
        defer { attacker.process.end() }
        #expect(try eventually(30) { try metric(node, Self.refused("greedy")) > 5000 })
        for _ in 0..<30 {
            let result = try lab.curl(from: lab.workload("modest"), "http://web:7002/", ["-f"])
            #expect(result.succeeded, "\(result)")
        }
        let bytes = try lab.run(in: lab.workload("modest"), [Binaries.load, "short", "--connect", "far:7001", "--count", "50"])
        #expect(bytes.succeeded, "\(bytes)")
        #expect(try metric(node, Self.refused("modest")) == 0)
        #expect(try lab.control(node, ["flows", "--denied", "-o", "json"]).output.contains("share_exhausted"))
        let table = try lab.control(node, ["workloads"]).output
        #expect(table.contains("CONNECTIONS") && table.contains(" of "), "\(table)")
        // Beyond the guaranteed part a connection without a request is closed after 10 s.
        #expect(try eventually(30) { try metric(node, "myelin_silent_connections_closed_total") > 1000 })
    }

    private static func refused(_ service: String) -> String {
        "myelin_workload_connections_refused_total{service=\"\(service)\",namespace=\"default\"}"
    }
}

/// The same against the authority's port, while a node wants to join.
@Suite(.serialized) final class AuthorityExhaustionNodeTests {
    private let lab: Lab

    init() throws { lab = try AuthorityLab.raise("strangers") }

    deinit { try? lab.lower() }

    @Test func silentStrangersKeepNoNodeOut() throws {
        let (carrier, joining, stranger) = (lab.nodes[0], lab.nodes[1], lab.nodes[2])
        try lab.startDaemon(carrier)
        try lab.awaitReady(carrier)
        let attacker = try lab.spawnAttacker(
            in: .uncaptured(stranger), ExhaustionNodeTests.silent(2100, to: carrier.ipv4, 15012, insists: true))
        defer { attacker.process.end() }
        #expect(try eventually(30) { (try? String(contentsOfFile: attacker.output, encoding: .utf8))?.contains("ready") ?? false })
        let start = ContinuousClock.now
        try lab.startDaemon(joining)
        #expect(try eventually(20) { try lab.metrics(carrier).contains("myelin_authority_issued_total{kind=\"joined\"} 1") })
        #expect(try eventually(20) { try lab.certificates(joining)?.isEmpty == false })
        #expect(ContinuousClock.now - start < .seconds(20))
    }
}
