import MeshBPF
import MeshSystem
import Testing

extension KernelTests {
    @Suite struct NamespacePreparation {
        /// What the kernel answers for sockets in TIME_WAIT must reach `::1` from the caller's own address, or the daemon's end of every
        /// connection stays in LAST_ACK and refuses the next one from that port.
        @Test func callersThatHaveClosedStillAnswerLoopback() throws {
            let arena = Arena("prepare")
            try Capture.prepareNamespace(try NetworkNamespace(path: "/run/netns/\(arena.name)-a"))
            let states = try arena.python(
                nil,
                """
                listener = socket.socket(socket.AF_INET6); listener.bind(('::1', 15001)); listener.listen(16); pairs = []
                for number in range(8):
                    caller = socket.socket(socket.AF_INET6); caller.bind(('fd77::2', 0)); caller.connect(('::1', 15001))
                    pairs.append((caller, listener.accept()[0]))
                for caller, daemon in pairs: caller.close()
                time.sleep(0.3)
                for caller, daemon in pairs: daemon.close()
                time.sleep(0.3)
                states = [line.split()[3] for line in open('/proc/net/tcp6').readlines()[1:]]
                print('LAST_ACK', states.count('09'), 'TIME_WAIT', states.count('06'))
                """, space: "a")
            #expect(states == "LAST_ACK 0 TIME_WAIT 8")
        }

        /// The daemon connects to a workload from its caller's address; where nobody listens it must be told so, not wait.
        @Test(arguments: ["10.77.0.2", "fd77::2"])
        func aPortWhereNobodyListensRefusesCallersFromElsewhere(_ address: String) throws {
            let arena = Arena("prepare")
            try Capture.prepareNamespace(try NetworkNamespace(path: "/run/netns/\(arena.name)-a"))
            let isV4 = !address.contains(":")
            let outcome = try arena.python(
                nil,
                """
                caller = socket.socket(\(isV4 ? "socket.AF_INET" : "socket.AF_INET6")); caller.settimeout(2)
                caller.setsockopt(socket.SOL_SOCKET, 36, 0x539)
                caller.setsockopt(\(isV4 ? "socket.IPPROTO_IP, 19" : "socket.IPPROTO_IPV6, 75"), 1)
                caller.bind(('\(isV4 ? "10.77.9.9" : "fd77:9::9")', 0))
                try: caller.connect(('\(address)', 7999)); print('connected')
                except OSError as error: print(type(error).__name__)
                """, space: "a")
            #expect(outcome == "ConnectionRefusedError")
        }
    }
}
