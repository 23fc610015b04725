import MeshBPF
import MeshTypes
import Testing

/// Tells the TCP frames that reach the outsider, until a line of input: their number, and the first of them in hexadecimal.
///
/// Only TCP counts: a network of its own has chatter of its own (neighbour discovery, multicast reports).
private let sniffer = """
    import select
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)); seen = []; print('ready')
    def is_tcp(frame):
        if frame[12:14] == b'\\x08\\x00': return frame[23] == 6
        if frame[12:14] != b'\\x86\\xdd': return False
        # A routing header (43) comes before TCP when the source route was taken.
        return frame[20] == 6 or frame[20] == 43 and frame[54] == 6
    while True:
        ready = select.select([s, sys.stdin], [], [])[0]
        if s in ready:
            frame, where = s.recvfrom(2000)
            if where[2] != 4 and is_tcp(frame): seen.append(frame.hex())
        elif sys.stdin in ready: print(len(seen), *seen[:1]); break
    """

extension KernelTests {
    @Suite struct EgressBackstop {
        /// Without privileges a program can set a source route, which would lead packets past the rewritten destination.
        @Test(arguments: [Verdict.proxy, Verdict.direct])
        func stopsSourceRoutes(_ verdict: Verdict) throws {
            let arena = Arena("lsrr")
            try arena.serve(verdict)
            try arena.startServer()
            let witness = try arena.start(nil, sniffer, space: "out")
            #expect(witness.line() == "ready")
            let text = try arena.python(
                "a",
                """
                def route4(s): s.settimeout(0.7); s.setsockopt(0, 4, b'\\x01\\x83\\x07\\x04' + socket.inet_aton('10.77.0.9'))
                def route6(s):
                    s.settimeout(0.7)
                    s.setsockopt(41, 57, bytes([0, 4, 4, 1, 1, 0, 0, 0]) + bytes(16) + socket.inet_pton(socket.AF_INET6, 'fd77::9'))
                print(call('240.64.0.5', 80, before=route4)); print(call('fd6d:7965:6c69::5', 80, socket.AF_INET6, before=route6))
                """)
            #expect(text.split(separator: "\n").allSatisfy { $0 == "timeout" || $0 == "EPERM" }, "\(text)")
            witness.tell("done")
            #expect(witness.line() == "0")
            #expect(arena.reasons().contains(.leak))
        }
    }
}
