import Foundation
import MeshLab
import Testing

/// Processes of nobody, without a capability, that reach for a host service's identity and for the mesh's own ports. The node lets unknown
/// processes pass, as README's example does.
@Suite(.serialized) final class BorrowedIdentityNodeTests {
    private let lab: Lab
    private var node: LabNode { lab.nodes[0] }

    init() throws {
        var nodes = Topology.twoNodes
        nodes[0].unknown = "pass"
        var services = [
            Topology.Service("victim", port: 7009, program: .idle, on: [.host("node-1")], policy: "allow: [wallet]\n"),
            Topology.Service("wallet", port: 8081, program: .steerable, on: [.pod("node-2")], policy: "allow: []\n"),
        ]
        services[1].applicationProtocol = "http"
        lab = try Lab.raise(Topology(nodes: nodes, services: services), name: "borrowed")
    }

    deinit { try? lab.lower() }

    /// For some seconds: wherever a socket of the victim goes to the daemon, one more from the same address and port, to another address of
    /// 127/8 and to the same one. Prints what came of it.
    private static let borrow = """
        import socket, struct, time, errno, collections
        seen = collections.Counter(); tried = 0; end = time.time() + 6
        while time.time() < end:
            for line in open('/proc/net/tcp').readlines()[1:]:
                local, remote, state = line.split()[1:4]
                if remote != '0100007F:3A99': continue
                host = socket.inet_ntoa(bytes.fromhex(local[:8])[::-1]); port = int(local[9:], 16)
                for target in ('127.0.0.2', '127.0.0.1'):
                    s = socket.socket(); s.settimeout(1); tried += 1
                    s.setsockopt(0, 24, 1); s.setsockopt(0, 51, struct.pack('I', port | port << 16)); s.setsockopt(1, 2, 1)
                    try:
                        s.bind((host, 0)); s.connect((target, 15001)); seen['connected'] += 1
                        s.sendall(b'GET / HTTP/1.1\\r\\nHost: wallet\\r\\n\\r\\n')
                        if s.recv(100).startswith(b'HTTP/1.1 200'): seen['served'] += 1
                    except OSError as e: seen[errno.errorcode.get(e.errno, 'timeout')] += 1
                    s.close()
        print(tried > 50, dict(seen))
        """

    /// The victim's own calls, each on a new connection that it keeps for a while. Prints whether there were many, and how many failed.
    private static let call = """
        import socket, sys, time
        good = bad = 0; kept = []; end = time.time() + 7
        while time.time() < end:
            try:
                s = socket.create_connection((sys.argv[1], 8081), 3); s.sendall(b'GET / HTTP/1.1\\r\\nHost: wallet\\r\\n\\r\\n')
                if s.recv(100).startswith(b'HTTP/1.1 200'): good += 1
                else: bad += 1
                kept = kept[-20:] + [s]
            except OSError as e: bad += 1; print(e)
        print(good > 100, bad)
        """

    @Test func aHostServicesIdentityCannotBeBorrowed() throws {
        try lab.startDaemons()
        let victim = lab.workload("victim")
        #expect(try eventually(20) { try lab.curl(from: victim, "http://wallet:8081/").succeeded })
        for foothold in [Lab.Foothold.unknown(node), .uncaptured(node)] {
            let calls = try lab.spawn(in: victim, ["/usr/bin/python3", "-c", Self.call, lab.workload("wallet").ipv4])
            let attack = try lab.attack(from: foothold, ["/usr/bin/python3", "-c", Self.borrow])
            #expect(calls.process.wait(timeout: .seconds(20)) != nil)
            let report = try String(contentsOfFile: calls.output, encoding: .utf8)
            #expect(attack.output.hasPrefix("True"), "\(attack)")
            #expect(!attack.output.contains("connected") && !attack.output.contains("served"), "\(attack)")
            #expect(report.hasSuffix("True 0\n"), "the victim is not disturbed: \(report)")
        }
        #expect(try eventually(5) { lab.accessLog(node).contains { $0.contains("own_port_refused") } })
    }

    private static let ports = """
        import socket, errno
        def attempt(what):
            try: what(); print('done')
            except OSError as e: print(errno.errorcode[e.errno])
        tcp, udp = (lambda: socket.socket()), (lambda: socket.socket(type=socket.SOCK_DGRAM))
        attempt(lambda: tcp().bind(('127.0.0.2', 15001))); attempt(lambda: udp().bind(('127.1.0.0', 15053)))
        attempt(lambda: tcp().bind(('0.0.0.0', 15008))); attempt(lambda: tcp().connect(('127.0.0.1', 15001)))
        attempt(lambda: udp().sendto(b'q', ('127.1.0.0', 15053)))
        """

    @Test func theMeshsPortsAreTheDaemonsAlsoWhileItIsDead() throws {
        try lab.startDaemons()
        let refused = Array(repeating: "EPERM", count: 5).joined(separator: "\n") + "\n"
        for isDead in [false, true] {
            if isDead { try lab.signalDaemon(node, SIGKILL) }
            for foothold in [Lab.Foothold.unknown(node), .uncaptured(node)] {
                let answer = try lab.attack(from: foothold, ["/usr/bin/python3", "-c", Self.ports])
                #expect(answer.output == refused, "dead: \(isDead), \(foothold): \(answer)")
            }
        }
        let question = "import socket; s = socket.socket(type=socket.SOCK_DGRAM); s.sendto(b'q', ('10.88.1.1', 53))"
        let asked = try lab.run(in: lab.workload("victim"), ["/usr/bin/python3", "-c", question])
        #expect(asked.output.contains("ConnectionRefusedError"), "DNS is refused while nobody of ours answers: \(asked)")
        try lab.startDaemon(node)
        try lab.awaitReady(node)
        #expect(try eventually(10) { try lab.curl(from: lab.workload("victim"), "http://wallet:8081/").succeeded })
    }

    /// Somebody sat down before the mesh came: it starts and says so, and what it can serve it serves.
    @Test func aSquatterDoesNotKeepTheDaemonFromStarting() throws {
        let squat = """
            import socket, sys, time
            tcp = socket.socket(); tcp.bind(('0.0.0.0', 15001)); tcp.listen(); tcp.settimeout(0.1)
            udp = socket.socket(type=socket.SOCK_DGRAM); udp.bind(('0.0.0.0', 15053)); udp.settimeout(0.1)
            print('sits', flush=True)
            while True:
                for take in (tcp.accept, lambda: udp.recvfrom(100)):
                    try: print('took', take()[1], flush=True)
                    except TimeoutError: pass
            """
        let squatter = try lab.spawnAttacker(in: .uncaptured(node), ["/usr/bin/python3", "-c", squat])
        let output = { (try? String(contentsOfFile: squatter.output, encoding: .utf8)) ?? "" }
        #expect(try eventually(5) { output().contains("sits") })
        try lab.startDaemons()
        let status = try lab.control(node, ["status"]).output
        #expect(status.contains("holds port 15001") && status.contains("holds port 15053"), "\(status)")
        let victim = lab.workload("victim"), wallet = lab.workload("wallet")
        let byAddress = { try self.lab.curl(from: victim, "http://\(wallet.ipv4):8081/").succeeded }
        #expect(try eventually(20, byAddress), "captured connections are served all the same")
        #expect(try !lab.curl(from: victim, "http://wallet:8081/").succeeded, "names are refused")
        #expect(!output().contains("took"), "\(output())")
        squatter.process.end()
        #expect(try eventually(15) { try lab.curl(from: victim, "http://wallet:8081/").succeeded }, "the resolver has its port back")
        #expect(try !lab.control(node, ["status"]).output.contains("holds port 15053"))
    }
}
