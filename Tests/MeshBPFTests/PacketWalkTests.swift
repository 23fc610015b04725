import MeshBPF
import MeshTypes
import Testing

extension KernelTests {
    /// Headers before the transport do not hide it.
    @Suite struct PacketWalk {
        /// A SYN behind `count` destination option headers, or behind a fragment header, as a packet of the outsider's making.
        private static let crafted = """
            def syn(count, fragment=False):
                source, target = socket.inet_pton(socket.AF_INET6, 'fd77::9'), socket.inet_pton(socket.AF_INET6, 'fd77::1')
                tcp = struct.pack('!HHIIBBHHH', 4000 + count, 8085, 1, 0, 5 << 4, 2, 1000, 0, 0)
                total = source + target + struct.pack('!II', len(tcp), 6) + tcp
                total = sum(struct.unpack('!%dH' % (len(total) // 2), total))
                while total >> 16: total = (total & 0xffff) + (total >> 16)
                tcp = tcp[:16] + struct.pack('!H', ~total & 0xffff) + tcp[18:]
                chain = b''.join(bytes([6 if i == count - 1 else 60, 0, 1, 4, 0, 0, 0, 0]) for i in range(count))
                first = 60 if count else 6
                if fragment: chain, first = bytes([6, 0, 0, 0, 0, 0, 0, 7]), 44
                s = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_RAW)
                s.sendto(struct.pack('!IHBB', 6 << 28, len(chain) + len(tcp), first, 64) + source + target + chain + tcp, ('fd77::1', 0))
            """

        @Test func extensionHeadersDoNotHideAConnection() throws {
            let arena = Arena("ext")
            try arena.serve(.proxy)
            // A port of a host workload that no registry names: the guard leaves it to the backstop.
            try arena.startServer("node", port: 8085, space: "node")
            try arena.startServer(nil, port: 8086, space: "node")
            let source = """
                def options(s): s.setsockopt(41, 59, bytes([0, 0, 1, 4, 0, 0, 0, 0]))
                print(call('fd77::1', 8086, socket.AF_INET6, before=options)[:4])
                print(call('fd77::1', 8085, socket.AF_INET6, before=options))
                """
            #expect(try arena.python(nil, source, space: "out") == "peer\ntimeout")
            #expect(arena.reasons().allSatisfy { $0 == .plaintext })
        }

        @Test func chainsThatAreTooLongAndFragmentsAreUnreadable() throws {
            let arena = Arena("walk")
            try arena.serve(.proxy)
            try arena.startServer("node", port: 8085, space: "node")
            #expect(try arena.python(nil, Self.crafted + "\nsyn(0); syn(8); time.sleep(0.2); print('done')", space: "out") == "done")
            #expect(Set(arena.reasons()) == [.plaintext])
            #expect(try arena.python(nil, Self.crafted + "\nsyn(9); time.sleep(0.2); print('done')", space: "out") == "done")
            #expect(Set(arena.reasons()) == [.unreadablePacket])
            #expect(
                try arena.python(nil, Self.crafted + "\nsyn(1, fragment=True); time.sleep(0.2); print('done')", space: "out") == "done")
            #expect(Set(arena.reasons()) == [.unreadablePacket])
        }

        @Test func datagramsWithExtensionHeadersStayOut() throws {
            let arena = Arena("uext")
            try arena.serve(.proxy)
            let server = try arena.start(
                "b",
                """
                s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM); s.bind(('::', 5000)); s.settimeout(1); print('ready')
                try: s.recv(10); print('received')
                except TimeoutError: print('nothing')
                """)
            #expect(server.line() == "ready")
            let source = """
                s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM); s.setsockopt(41, 59, bytes([0, 0, 1, 4, 0, 0, 0, 0]))
                s.sendto(b'x', ('fd77::3', 5000)); print('sent')
                """
            #expect(try arena.python(nil, source, space: "out") == "sent")
            #expect(server.line() == "nothing")
            #expect(arena.reasons().contains(.udp))
        }
    }
}
