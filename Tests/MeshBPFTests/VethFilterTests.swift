import Foundation
import MeshBPF
import MeshSystem
import MeshTypes
import Testing

/// Tells how many frames with the mark reached the outsider, upon a line of input.
private let witness = """
    import select
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)); seen = 0; print('ready')
    while True:
        ready = select.select([s, sys.stdin], [], [])[0]
        if s in ready:
            frame, where = s.recvfrom(2000)
            if where[2] != 4 and b'ESCAPED' in frame: seen += 1
        elif sys.stdin in ready: print(seen); break
    """

/// A UDP datagram, a TCP segment, a reset with a payload and a long ARP message, each as a frame of a packet socket.
private let escape = """
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW); s.bind(('eth0', 0))
    def ip(protocol, rest):
        head = struct.pack('!BBHHHBBH4s4s', 0x45, 0, 20 + len(rest), 1, 0, 64, protocol, 0, socket.inet_aton('10.77.0.2'), socket.inet_aton('10.77.0.9'))
        total = sum(struct.unpack('!10H', head)); total = (total & 0xffff) + (total >> 16)
        head = head[:10] + struct.pack('!H', ~total & 0xffff) + head[12:]
        return b'\\xff' * 6 + b'\\x02' + bytes(5) + b'\\x08\\x00' + head + rest
    s.send(ip(17, struct.pack('!HHHH', 7, 7, 15, 0) + b'ESCAPED'))
    s.send(ip(1, b'\\x08\\x00\\x00\\x00\\x00\\x00\\x00\\x00ESCAPED'))
    for flags in (2, 4, 16): s.send(ip(6, struct.pack('!HHIIBBHHH', 7, 7, 1, 1, 5 << 4, flags, 1000, 0, 0) + b'ESCAPED'))
    s.send(b'\\xff' * 6 + b'\\x02' + bytes(5) + b'\\x08\\x06' + bytes(28) + b'ESCAPED' * 10)
    time.sleep(0.3); print('done')
    """

extension KernelTests {
    @Suite struct VethFilter {
        private func raise(_ label: String, _ verdict: Verdict = .direct, permissive: Bool = false) throws -> Arena {
            let arena = Arena(label)
            try arena.serve(verdict, permissive: permissive)
            try arena.startServer()
            for (space, index) in [("a", Arena.indexA), ("b", Arena.indexB)] {
                let namespace = try NetworkNamespace(path: "/run/netns/\(arena.name)-\(space)")
                let unfiltered = try arena.inside("node") { try arena.capture.filterDevices(of: namespace, index: index) }
                #expect(unfiltered.isEmpty)
            }
            return arena
        }

        private func escaped(_ arena: Arena) throws -> Int {
            let sniffer = try arena.start(nil, witness, space: "out")
            #expect(sniffer.line() == "ready")
            #expect(try arena.python("a", escape) == "done")
            sniffer.tell("done")
            return try #require(Int(sniffer.line()))
        }

        @Test func framesOfAPacketSocketStayIn() throws {
            let arena = try raise("vet")
            #expect(try escaped(arena) == 0)
            #expect(arena.reasons().filter { $0 == .leak }.count == 6)
            #expect(arena.capture.statistics().leaks >= 6)
            try arena.inside("node") { arena.capture.unguard(Arena.indexA) }
            let free = try escaped(arena)
            #expect(free == 6, "without the filter they go out, the frames are good: \(free)")
        }

        @Test func whatTheMeshSendsGoesOut() throws {
            let arena = try raise("vetd")
            for address in ["'240.64.0.5', 80", "'fd6d:7965:6c69::5', 80, socket.AF_INET6"] {
                #expect(try arena.python("a", "print(call(\(address)))").hasPrefix("peer"), "\(address)")
            }
            // Either end may close first, and none waits for the other's last word.
            #expect(try arena.python("a", "print(call('240.64.0.5', 80, text=b'slow'))").contains("slow"))
            usleep(300_000)
            let left = shell("ip netns exec \(arena.name)-b ss -Htn state last-ack state fin-wait-1 state closing")
            #expect(left.isEmpty, "\(left)")
            #expect(try arena.python(nil, "print(call('10.77.0.3', 80))", space: "out") == "ECONNREFUSED")
            #expect(arena.reasons().allSatisfy { $0 == .plaintext })
        }

        @Test func aPermissivePodAnswersItsCallers() throws {
            let arena = try raise("vetp", permissive: true)
            #expect(try arena.python(nil, "print(call('10.77.0.3', 80))", space: "out").hasPrefix("peer ::ffff:10.77.0.9"))
            #expect(try arena.python(nil, "print(call('fd77::3', 80, socket.AF_INET6))", space: "out").hasPrefix("peer fd77::9"))
        }

        /// The filter needs nobody: it stays until the mesh is taken off the node.
        @Test func itStaysWithoutADaemonAndGoesWithTheMesh() throws {
            let arena = try raise("vetk")
            arena.killDaemon()
            #expect(try escaped(arena) == 0)
            try arena.inside("node") { Capture.remove(pinDirectory: arena.pins) }
            let free = try escaped(arena)
            #expect(free == 6, "\(free)")
        }
    }
}
