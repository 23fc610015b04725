import Foundation
import MeshLab
import Testing

/// A host service's process is gone, and a process of nobody listens on its port: it gets no call, by whatever way calls come.
@Suite(.serialized) final class WrongListenerNodeTests {
    private let lab: Lab
    private var node: LabNode { lab.nodes[0] }

    init() throws {
        let host = Topology.Instance.host("node-1")
        let (one, two) = (Topology.Instance.pod("node-1"), Topology.Instance.pod("node-2"))
        var services = [
            Topology.Service("near", port: 7008, program: .idle, on: [one], policy: "allow: [vault, plain]\n"),
            Topology.Service("far", port: 7009, program: .idle, on: [two], policy: "allow: [vault, plain]\n"),
            Topology.Service("vault", port: 8081, program: .steerable, on: [host], policy: "allow: []\nretries: {enabled: false}\n"),
            Topology.Service("plain", port: 8082, program: .python, on: [.host("node-1")], policy: "allow: []\n"),
        ]
        services[2].applicationProtocol = "http"
        lab = try Lab.raise(Topology(nodes: Topology.twoNodes, services: services), name: "wronglisten")
        try lab.startDaemons()
    }

    deinit { try? lab.lower() }

    /// Takes what comes and tells every byte of it.
    private static let listen = """
        import socket, sys, threading
        def take(c):
            while True:
                d = c.recv(65536)
                if not d: return
                print(d, flush=True); c.sendall(b'HTTP/1.1 200 OK\\r\\nContent-Length: 4\\r\\n\\r\\nmine')
        def serve(s):
            while True: c, _ = s.accept(); print('accepted', flush=True); threading.Thread(target=take, args=(c,)).start()
        for port in (8081, 8082):
            s = socket.socket(socket.AF_INET6); s.setsockopt(41, 26, 0); s.setsockopt(1, 2, 1); s.bind(('::', port)); s.listen(100)
            threading.Thread(target=serve, args=(s,)).start()
        print('listens', flush=True)
        """

    private func call(_ caller: String, _ url: String) throws -> (output: String, took: Duration) {
        let began = ContinuousClock.now
        let answer = try lab.curl(from: lab.workload(caller), url, ["-i", "-H", "Authorization: Bearer MYELIN-SECRET"])
        return (answer.output, ContinuousClock.now - began)
    }

    @Test func aStrangerIsNeverServedInItsPlaceAndTheServiceIsWhenItComesBack() throws {
        let (vault, plain) = (lab.workload("vault"), lab.workload("plain"))
        for caller in ["near", "far"] {
            #expect(try eventually(20) { try call(caller, "http://vault:8081/").output.contains("200 OK") })
            #expect(try eventually(20) { try call(caller, "http://plain:8082/").output.contains("200 OK") })
        }
        try lab.stopService(vault)
        try lab.stopService(plain)
        for foothold in [Lab.Foothold.uncaptured(node), .unknown(node)] { try attack(from: foothold) }
        for workload in [vault, plain] {
            try lab.startService(workload)
            try lab.awaitService(workload, timeout: .seconds(10))
        }
        for caller in ["near", "far"] {
            #expect(try eventually(10) { try call(caller, "http://vault:8081/").output.contains("200 OK") }, "\(caller): back")
            #expect(try eventually(10) { try call(caller, "http://plain:8082/").output.contains("200 OK") }, "\(caller): back")
        }
    }

    private func attack(from foothold: Lab.Foothold) throws {
        let stranger = try lab.spawnAttacker(in: foothold, ["/usr/bin/python3", "-c", Self.listen])
        defer { stranger.process.end() }
        let heard = { (try? String(contentsOfFile: stranger.output, encoding: .utf8)) ?? "" }
        #expect(try eventually(5) { heard().contains("listens") }, "\(heard())")
        for caller in ["near", "far"] {
            let answer = try call(caller, "http://vault:8081/")
            #expect(answer.output.contains(" 503 ") && answer.output.contains("x-myelin-reason: wrong_listener"), "\(caller): \(answer)")
            #expect(answer.took < .seconds(1), "\(caller) is told at once: \(answer.took)")
            // Direct from a workload of the node, by the tunnel from the other one.
            let plain = try call(caller, "http://plain:8082/")
            #expect(!plain.output.contains("200 OK"), "\(caller): \(plain)")
        }
        #expect(!heard().contains("accepted") && !heard().contains("SECRET"), "\(heard())")
        #expect(try eventually(5) { lab.accessLog(node).contains { $0.contains("wrong_listener") && $0.contains("/sa/plain") } })
    }

    /// The unit is restarted: its cgroup is new, and a supervisor hands it the listener of before.
    @Test func aListenerThatOutlivesItsCgroupIsServed() throws {
        let plain = lab.workload("plain")
        #expect(try eventually(20) { try call("far", "http://plain:8082/").output.contains("200 OK") })
        try lab.stopService(plain)
        let serve = """
            import http.server, os, socket, sys
            class Server(http.server.HTTPServer): address_family = socket.AF_INET6
            s = Server(('::', 8082), http.server.SimpleHTTPRequestHandler)
            open('\(lab.directory)/made', 'w').close()
            while not os.path.exists('\(lab.directory)/go'): __import__('time').sleep(0.05)
            s.serve_forever()
            """
        let held = try lab.spawn(in: plain, ["/usr/bin/python3", "-c", serve])
        #expect(try eventually(5) { FileManager.default.fileExists(atPath: "\(lab.directory)/made") })
        // Its process goes elsewhere, the cgroup goes and comes anew, the process comes back to it.
        let elsewhere = URL(fileURLWithPath: plain.cgroup).deletingLastPathComponent().path
        try "\(held.process.pid)".write(toFile: elsewhere + "/cgroup.procs", atomically: false, encoding: .utf8)
        #expect(try eventually(5) { rmdir(plain.cgroup) == 0 })
        usleep(1_500_000)
        mkdir(plain.cgroup, 0o755)
        try "\(held.process.pid)".write(toFile: plain.cgroup + "/cgroup.procs", atomically: false, encoding: .utf8)
        _ = FileManager.default.createFile(atPath: "\(lab.directory)/go", contents: nil)
        #expect(try eventually(15) { try call("far", "http://plain:8082/").output.contains("200 OK") }, "by the tunnel")
        #expect(try eventually(5) { try call("near", "http://plain:8082/").output.contains("200 OK") }, "direct")
        held.process.end()
    }
}
