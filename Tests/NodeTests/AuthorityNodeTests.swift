import Foundation
import MeshLab
import Testing

/// Nodes that join an authority by token: one carries it, two ask it (R1.3, R1.5).
@Suite(.serialized) final class AuthorityNodeTests {
    private let lab: Lab
    private let caller: Workload

    init() throws {
        lab = try AuthorityLab.raise("authority")
        caller = lab.workload("caller")
        try lab.startDaemons()
    }

    deinit { try? lab.lower() }

    private func answers(_ from: String, _ to: String) throws -> Bool {
        try lab.curl(from: lab.workload(from), "http://\(to):\(lab.workload(to).port)/", ["-f"]).succeeded
    }

    @Test func nodesThatJoinedCallEachOther() throws {
        #expect(try answers("caller", "far"))
        #expect(try answers("back", "near"))
        #expect(try answers("caller", "third"))
        let (first, second) = (lab.nodes[0], lab.nodes[1])
        #expect(try lab.metrics(first).contains("myelin_authority_issued_total{kind=\"joined\"} 2"))
        #expect(try eventually(10) { try lab.authority(["status"]).output.contains("node        node-2  up to date") })
        #expect(try lab.control(second, ["check"]).output.contains("answers at \(first.ipv4):15012"))
        // A restarted node needs no token, also while the authority is away for a moment.
        try lab.restartDaemon(second)
        #expect(try eventually(20) { try answers("caller", "far") })
        #expect(try lab.metrics(first).contains("myelin_authority_issued_total{kind=\"joined\"} 2"))
        // While it is away, what was issued serves.
        try lab.signalDaemon(first, SIGTERM)
        #expect(try answers("back", "third"))
        #expect(try eventually(20) { try lab.control(second, ["check"]).output.contains("traffic goes on until the certificates end") })
        try lab.startDaemon(first)
        try lab.awaitReady(first)
        #expect(try eventually(40) { try lab.control(second, ["check"]).output.contains("answers at \(first.ipv4):15012") })
        #expect(try eventually(20) { try answers("back", "near") })
    }

    /// A node in the wrong hands, with its own key and certificate, asks for what runs elsewhere.
    @Test func refusesTheCertificateOfAServiceThatRunsElsewhere() throws {
        let thief = lab.nodes[1]
        let files = thief.directory + "/state/authority"
        let work = lab.directory + "/thief"
        try FileManager.default.createDirectory(atPath: work, withIntermediateDirectories: true)
        let script = """
            set -e
            openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout \(work)/key.pem -subj /CN=caller -outform DER \
            -out \(work)/csr.der 2>/dev/null
            for service in caller far; do
              printf '{"namespace":"default","service":"%s","request":"%s"}' $service "$(base64 -w0 \(work)/csr.der)" >\(work)/question
              curl -s --noproxy '*' --max-time 10 --cacert \(files)/roots.pem --cert \(files)/node.pem --data-binary @\(work)/question \
              --connect-to authority.ca.myelin.svc:15012:\(lab.nodes[0].ipv4):15012 https://authority.ca.myelin.svc:15012/v1/service
              echo
            done
            """
        let answer = try lab.runOnNode(thief, ["bash", "-c", script])
        let lines = answer.output.split(separator: "\n")
        try #require(lines.count == 2, "\(answer)")
        #expect(lines[0].contains("\"code\":\"not_placed\"") && !lines[0].contains("chain"), "\(answer)")
        #expect(lines[1].contains("\"chain\":["), "its own service's certificate it may have: \(answer)")
        #expect(try lab.metrics(lab.nodes[0]).contains("myelin_authority_refused_total{code=\"not_placed\"} 1"))
        #expect(lab.daemonLogTail(lab.nodes[0]).contains("does not place default/caller on node-2"))
    }

    /// Echoes a byte ten times a second, for as long as the connection lives.
    private func startTicker(_ service: String) throws -> (process: ChildProcess, count: () -> Int) {
        let callee = lab.workload(service)
        let program = """
            import socket, time
            s = socket.create_connection(('\(callee.ipv4)', \(callee.port)))
            s.settimeout(60)
            while True:
                s.sendall(b'x')
                if not s.recv(1): break
                print('.', end='', flush=True); time.sleep(0.1)
            """
        let (process, output) = try lab.spawn(in: caller, ["/usr/bin/python3", "-c", program])
        return (process, { (try? String(contentsOfFile: output, encoding: .utf8))?.prefix { $0 == "." }.count ?? 0 })
    }

    @Test func revocationEndsALiveConnection() throws {
        let ticker = try startTicker("echo")
        let other = try startTicker("echo3")
        #expect(try eventually(10) { ticker.count() > 3 && other.count() > 3 })
        let order = try lab.authority(["revoke", "--node", "node-2", "--reason", "key_compromise"])
        #expect(order.succeeded && order.output.contains("and the node node-2"), "\(order)")
        #expect(ticker.process.wait(timeout: .seconds(15)) != nil, "the live connection ends")
        let kept = other.count()
        #expect(try eventually(10) { other.count() > kept + 3 }, "that with another node goes on")
        #expect(try !answers("caller", "far"), "and no new one comes")
        #expect(try answers("caller", "third"))
        let metrics = try lab.metrics(lab.nodes[0])
        #expect(metrics.split(separator: "\n").contains { $0.hasPrefix("myelin_tunnels_revoked_total ") && !$0.hasSuffix(" 0") })
        #expect(lab.accessLog(lab.nodes[0]).contains { $0.contains("certificate_revoked") })
        #expect(try lab.authority(["token", "--node", "node-2"]).succeeded == false)
        #expect(try eventually(30) { try lab.control(lab.nodes[1], ["check"]).output.contains("was revoked") })
    }
}

/// Three nodes, of which the first carries the authority.
enum AuthorityLab {
    static func raise(_ name: String, lifetime: Int = 24 * 3600) throws -> Lab {
        let load = Binaries.load
        let nodes = (1...3).map { Topology.Node(name: "node-\($0)", zone: "zone-\($0)", region: "region") }
        var services = [
            Topology.Service("near", port: 7000, program: .steerable, on: [.pod("node-1")], policy: nil),
            Topology.Service("far", port: 7001, program: .steerable, on: [.pod("node-2")], policy: nil),
            Topology.Service("third", port: 7002, program: .steerable, on: [.pod("node-3")], policy: nil),
        ]
        for index in services.indices { services[index].applicationProtocol = "http" }
        services += [
            Topology.Service(
                "echo", port: 7003, program: .command([load, "echo", "--listen", "[::]:7003"]), on: [.pod("node-2")], policy: nil),
            Topology.Service(
                "echo3", port: 7004, program: .command([load, "echo", "--listen", "[::]:7004"]), on: [.pod("node-3")], policy: nil),
            Topology.Service("caller", port: 7009, program: .idle, on: [.pod("node-1")], policy: "allow: [far, third, echo, echo3]\n"),
            Topology.Service("back", port: 7010, program: .idle, on: [.pod("node-2")], policy: "allow: [near, third]\n"),
        ]
        var topology = Topology(nodes: nodes, services: services)
        topology.authority.isServed = true
        topology.authority.lifetime = lifetime
        return try Lab.raise(topology, name: name)
    }
}
