import Foundation
import MeshBPF
import MeshTypes
import Testing

extension KernelTests {
    /// The mesh's own ports are the daemon's, also for processes that nothing captures.
    @Suite struct OwnPorts {
        private static let everything = """
            def attempt(what):
                try: what(); print('done')
                except OSError as e: print(errno.errorcode[e.errno])
            tcp, udp = (lambda f=socket.AF_INET: socket.socket(f)), (lambda f=socket.AF_INET: socket.socket(f, socket.SOCK_DGRAM))
            attempt(lambda: tcp().bind(('0.0.0.0', 15001)))
            attempt(lambda: tcp().bind(('127.0.0.2', 15001)))
            attempt(lambda: tcp(socket.AF_INET6).bind(('::1', 15001)))
            attempt(lambda: tcp().bind(('0.0.0.0', 15008)))
            attempt(lambda: udp().bind(('127.1.0.0', 15053)))
            attempt(lambda: udp(socket.AF_INET6).bind(('::', 15053)))
            attempt(lambda: tcp().connect(('127.0.0.1', 15001)))
            attempt(lambda: tcp().connect(('127.0.0.2', 15001)))
            attempt(lambda: tcp(socket.AF_INET6).connect(('::1', 15001)))
            attempt(lambda: udp().sendto(b'q', ('127.1.0.0', 15053)))
            attempt(lambda: udp().connect(('127.1.0.0', 15053)))
            attempt(lambda: udp(socket.AF_INET6).sendto(b'q', ('fd6d:7965:6c69:1::1:0', 15053)))

            """

        @Test func nobodyButTheDaemonTakesOrDialsThem() throws {
            let arena = Arena("door")
            try arena.attach(unknown: .pass)
            try arena.serve(.proxy)
            #expect(try arena.python("a", "udp = socket.socket(2, 2); udp.sendto(b'q', ('10.0.0.2', 53)); print('asked')") == "asked")
            for group in ["stranger", nil, "exempt"] {
                for space in ["node", "a"] {
                    let text = try arena.python(group, Self.everything, space: space)
                    #expect(text == Array(repeating: "EPERM", count: 12).joined(separator: "\n"), "\(group ?? "-") in \(space)")
                }
            }
            #expect(arena.reasons() == Array(repeating: .ownPort, count: 6 * 12))
            arena.killDaemon()
            let dead = try arena.python(nil, Self.everything, space: "a")
            #expect(dead == Array(repeating: "EPERM", count: 12).joined(separator: "\n"), "the daemon is dead")
        }

        /// Other namespaces are none of this daemon's business: there may be another daemon.
        @Test func otherNamespacesAreLeftAlone() throws {
            let arena = Arena("doro")
            try arena.attach(unknown: .pass)
            try arena.serve(.proxy)
            let text = try arena.python(nil, Self.everything, space: "out").split(separator: "\n")
            #expect(text.prefix(6) == ["done", "done", "done", "done", "done", "done"])
            #expect(!text.contains("EPERM"))
            #expect(!arena.reasons().contains(.ownPort))
        }

        /// An address of 127/8 and a source port do not make a caller: the whole connection does.
        @Test func aRecordIsOfTheVeryConnectionItWasWrittenFor() throws {
            let arena = Arena("bor")
            try arena.attach(unknown: .pass)
            try arena.serve(.proxy, backlog: 1)
            // The guard alone must do.
            arena.detach("door_connect4", "door_connect6")
            for daemon in arena.daemons { daemon.pause() }
            let victim = try arena.start(
                "a",
                """
                kept = []
                for _ in range(8):
                    s = socket.socket(); s.setblocking(False)
                    try: s.connect(('240.64.0.5', 80))
                    except BlockingIOError: pass
                    kept.append(s)
                time.sleep(0.2); print(*[s.getsockname()[1] for s in kept]); time.sleep(60)
                """)
            let ports = victim.line()
            #expect(arena.capture.statistics().pending > 3, "records wait for their connections")
            let text = try arena.python(
                nil,
                """
                for port in map(int, '\(ports)'.split()):
                    for own in ('10.77.0.2', '127.0.0.1'):
                        for host in ('127.0.0.2', '127.0.0.1', '127.255.255.254'):
                            s = socket.socket(); s.settimeout(0.3)
                            s.setsockopt(0, 24, 1); s.setsockopt(0, 51, struct.pack('I', port | port << 16))
                            try: s.bind((own, 0)); s.connect((host, 15001)); print('connected', own, host)
                            except OSError as e: print(errno.errorcode.get(e.errno, 'timeout'))
                """, space: "a")
            let answers = Set(text.split(separator: "\n").map(String.init))
            #expect(answers.contains("ECONNREFUSED"), "\(answers)")
            #expect(answers.isSubset(of: ["ECONNREFUSED", "EADDRNOTAVAIL", "EADDRINUSE"]), "\(answers)")
        }
    }
}
