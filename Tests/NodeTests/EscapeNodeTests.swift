import Foundation
import MeshLab
import Testing

/// A process of a pod with one capability, CAP_NET_RAW or CAP_NET_ADMIN, sends nothing past the mesh.
@Suite(.serialized) final class EscapeNodeTests {
    private let lab: Lab
    private var node: LabNode { lab.nodes[0] }
    private var prisoner: Workload { lab.workload("prisoner") }

    init() throws {
        let services = [
            Topology.Service("prisoner", port: 7009, program: .idle, on: [.pod("node-1")], policy: "allow: [echo, near]\n"),
            Topology.Service(
                "near", port: 7001, program: .command([Binaries.load, "echo", "--listen", "[::]:7001"]), on: [.pod("node-1")], policy: nil),
            Topology.Service(
                "echo", port: 7000, program: .command([Binaries.load, "echo", "--listen", "[::]:7000"]), on: [.pod("node-2")], policy: nil),
        ]
        lab = try Lab.raise(Topology(nodes: Topology.twoNodes, services: services), name: "escape")
        try lab.startDaemons()
    }

    deinit { try? lab.lower() }

    private static func witness() -> String {
        """
        import socket, time
        s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)); s.settimeout(0.2)
        seen = 0; end = time.monotonic() + 4
        print('ready', flush=True)
        while time.monotonic() < end:
            try: seen += b'ESCAPED' in s.recv(2000)
            except TimeoutError: pass
        print('seen', seen, flush=True)
        """
    }

    private func datagram(from source: String) -> String {
        """
        import fcntl, socket, struct, time
        payload = b'ESCAPED'
        head = struct.pack('!BBHHHBBH4s4s', 0x45, 0, 28 + len(payload), 1, 0, 64, 17, 0,
                           socket.inet_aton('\(source)'), socket.inet_aton('\(node.outsideIPv4)'))
        total = sum(struct.unpack('!10H', head)); total = (total & 0xffff) + (total >> 16)
        head = head[:10] + struct.pack('!H', ~total & 0xffff) + head[12:]
        datagram = head + struct.pack('!HHHH', 9, 9, 8 + len(payload), 0) + payload
        """
    }

    private var frames: String {
        datagram(from: prisoner.ipv4) + """

            s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW); s.bind(('eth0', 0))
            for _ in range(20): s.send(b'\\xff' * 6 + b'\\x02' + bytes(5) + b'\\x08\\x00' + datagram); time.sleep(0.02)
            print('sent')
            """
    }

    /// The kernel forwards what comes out of the device, and nobody's socket sent it.
    private var tunnel: String {
        datagram(from: "10.99.0.2") + """

            import subprocess
            tun = open('/dev/net/tun', 'r+b', buffering=0)
            fcntl.ioctl(tun, 0x400454ca, struct.pack('16sH', b'way0', 0x1001))
            for line in ('addr add 10.99.0.1/24 dev way0', 'link set way0 up'): subprocess.run(['ip'] + line.split(), check=True)
            for name in ('ip_forward', 'conf/all/rp_filter', 'conf/way0/rp_filter'):
                open('/proc/sys/net/ipv4/' + name, 'w').write('1' if name == 'ip_forward' else '0')
            for _ in range(20): tun.write(datagram); time.sleep(0.05)
            print('sent')
            """
    }

    private func escapes(_ program: String, _ capability: String) throws -> String {
        let watcher = Process()
        let output = Pipe()
        watcher.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        watcher.arguments = ["ip", "netns", "exec", "\(node.namespace)-outside", "python3", "-u", "-c", Self.witness()]
        watcher.standardOutput = output
        try watcher.run()
        #expect(output.fileHandleForReading.readData(ofLength: 6) == Data("ready\n".utf8))
        let only = "-all,+\(capability)"
        let powers = ["setpriv", "--inh-caps=\(only)", "--ambient-caps=\(only)", "--bounding-set=\(only)", "--"]
        let result = try lab.run(in: prisoner, powers + ["python3", "-c", program])
        #expect(result.output.contains("sent"), "\(result)")
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        watcher.waitUntilExit()
        return text.trimmingCharacters(in: .whitespacesAndNewlines)
    }

    @Test func neitherPacketSocketsNorTunnelsLeadOut() throws {
        #expect(try escapes(frames, "net_raw") == "seen 0")
        #expect(try escapes(tunnel, "net_admin") == "seen 0")
        #expect(try eventually { try lab.control(node, ["flows", "--denied", "-o", "json"]).output.contains("leak_stopped") })
        for service in ["echo:7000", "near:7001"] {
            let call = try lab.run(in: prisoner, [Binaries.load, "short", "--connect", service, "--count", "20"])
            #expect(call.succeeded, "\(service): \(call)")
        }
        // Without the filter both get out: the attacks are real ones.
        for device in ["pod0", "pod1"] { _ = try lab.runOnNode(node, ["tc", "qdisc", "del", "dev", device, "clsact"]) }
        #expect(try escapes(frames, "net_raw") != "seen 0")
        #expect(try escapes(tunnel, "net_admin") != "seen 0")
    }
}
