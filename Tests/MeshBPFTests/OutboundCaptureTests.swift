import Foundation
import MeshBPF
import MeshTypes
import Testing

/// All tests of the kernel programs: one at a time, since each moves this process through cgroups.
@Suite(.serialized, .enabled(if: Arena.isPossible || ProcessInfo.processInfo.environment["CI"] == "true", "needs root and cgroup v2"))
enum KernelTests {}

extension KernelTests {
    @Suite struct OutboundCapture {
        @Test func sendsTCPToTheDaemonWithDestinationAndIdentity() throws {
            let arena = Arena("out")
            try arena.serve(.proxy)
            let v4 = try arena.python("a", "print(call('240.64.0.5', 80))")
            #expect(v4 == "captured 240.64.0.5:80 service 11 hello from 240.64.0.5 to 10.77.0.2")
            let v6 = try arena.python("a", "print(call('fd6d:7965:6c69::5', 80, socket.AF_INET6))")
            #expect(v6 == "captured [fd6d:7965:6c69::5]:80 service 11 hello from fd6d:7965:6c69::5 to fd77::2")
            let mapped = try arena.python("a", "print(call('::ffff:240.64.0.5', 80, socket.AF_INET6))")
            #expect(mapped == "captured 240.64.0.5:80 service 11 hello from ::ffff:240.64.0.5 to ::ffff:10.77.0.2")
            let cgroup = try arena.cgroupID("a")
            #expect(arena.daemons.flatMap(\.origins).allSatisfy { $0?.cgroup == cgroup && $0?.namespace == Arena.indexA })
            #expect(arena.capture.statistics().pending == 0)
        }

        @Test func capturesForServicesInTheNodesNamespace() throws {
            let arena = Arena("host")
            try arena.serve(.proxy)
            let text = try arena.python("node", "print(call('127.0.0.1', 8080)); print(call('127.0.0.1', 9999))", space: "node")
            #expect(text == "captured 127.0.0.1:8080 service 13 hello from 127.0.0.1 to 10.77.0.1\nEPERM")
            #expect(arena.reasons() == [.egress])
        }

        @Test func recordsNothingForConnectionsThatAreAborted() throws {
            let arena = Arena("abort")
            try arena.serve(.proxy)
            _ = try arena.python(
                "a",
                """
                for i in range(300):
                    s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
                    s.connect(('240.64.0.5', 80)); s.close()
                for i in range(100):
                    s = socket.socket(); s.setblocking(False)
                    try: s.connect(('240.64.0.5', 80))
                    except BlockingIOError: pass
                    s.close()
                time.sleep(0.3)
                """)
            #expect(arena.capture.statistics().pending == 0)
            #expect(arena.capture.statistics().captured == 400)
            #expect(arena.daemons.flatMap(\.origins).allSatisfy { $0 != nil })
        }

        @Test func forgetsConnectionsThatTheDaemonNeverTook() throws {
            let arena = Arena("never")
            try arena.serve(.proxy, backlog: 1)
            for daemon in arena.daemons { daemon.pause() }
            usleep(50_000)
            let client = try arena.start(
                "a",
                """
                all = []
                for i in range(20):
                    s = socket.socket(); s.setblocking(False); all.append(s)
                    try: s.connect(('240.64.0.5', 80))
                    except BlockingIOError: pass
                time.sleep(0.2); print('ready'); sys.stdin.readline()
                for s in all: s.close()
                time.sleep(0.2); print('closed'); sys.stdin.readline()
                """)
            #expect(client.line() == "ready")
            #expect(arena.capture.statistics().pending > 10)
            client.tell("close")
            #expect(client.line() == "closed")
            #expect(arena.capture.statistics().pending == 0)
        }

        @Test func capturesWhateverTheSocketWasPreparedFor() throws {
            let arena = Arena("odd")
            try arena.serve(.proxy)
            let text = try arena.python(
                "a",
                """
                print(call('240.64.0.5', 80, before=lambda s: s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b'eth0')))
                print(call('240.64.0.5', 80, before=lambda s: s.bind(('10.77.0.2', 0))))
                print(call('240.64.0.5', 80, before=lambda s: s.setsockopt(socket.SOL_SOCKET, 36, 0x539)))
                s = socket.socket(); s.sendto(b'fast', 0x20000000, ('240.64.0.5', 80)); s.shutdown(1); time.sleep(0.1)
                print('open', s.recv(200).decode())
                s = socket.socket(); s.connect(('127.0.0.1', 22022) if False else ('240.64.0.5', 80))
                import ctypes
                libc = ctypes.CDLL(None, use_errno=True)
                print('unspec', libc.connect(s.fileno(), b'\\0' * 16, 16))
                s.connect(('240.64.0.5', 80)); print('again', s.recv(100).decode())
                """)
            let lines = text.split(separator: "\n")
            #expect(lines.count == 6)
            let greeting = "captured 240.64.0.5:80 service 11 "
            for line in lines[..<3] { #expect(line.hasPrefix(greeting + "hello")) }
            #expect(lines[3].hasPrefix("open " + greeting))
            #expect(lines[4] == "unspec 0")
            #expect(lines[5] == "again " + greeting.dropLast())
        }
    }

    @Suite struct OutboundRefusal {
        @Test func refusesWhatThePolicyDoesNotName() throws {
            let arena = Arena("deny")
            try arena.serve(.proxy)
            #expect(try arena.python("b", "print(call('240.64.0.5', 80))") == "EPERM")
            #expect(try arena.python("a", "print(call('10.77.0.9', 80))") == "EPERM")
            #expect(try arena.python("a", "print(call('fd77::9', 80, socket.AF_INET6))") == "EPERM")
            #expect(try arena.python("a", "print(call('10.77.0.2', 80))") == "EPERM")
            #expect(try arena.python("a", "print(call('240.64.0.5', 0))") == "EPERM")
            #expect(try arena.python("a", "print(call('fe80::1%eth0', 80, socket.AF_INET6))") == "EPERM")
            #expect(arena.reasons() == [.notAllowed, .egress, .egress, .egress, .egress, .egress])
            try arena.capture.reconcile(verdicts: [VerdictKey(source: Arena.serviceA, destination: Arena.serviceB): .deny(.denied)])
            #expect(try arena.python("a", "print(call('240.64.0.5', 80))") == "EPERM")
            let event = try #require(arena.events().last)
            #expect(event.reason == .denied && event.sourceService == Arena.serviceA && event.destinationService == Arena.serviceB)
            #expect(event.dialled == Arena.virtualB)
        }

        @Test func saysAtOnceThatAServiceHasNoEndpoint() throws {
            let arena = Arena("dead")
            try arena.serve(.proxy)
            try arena.capture.reconcile(destinations: [Arena.virtualB: DestinationEntry(service: Arena.serviceB, dead: true)])
            #expect(try arena.python("a", "print(call('240.64.0.5', 80))") == "ECONNREFUSED")
            #expect(arena.reasons() == [.noEndpoint])
        }

        @Test func refusesTheDaemonsOwnPorts() throws {
            let arena = Arena("own")
            try arena.serve(.proxy)
            let text = try arena.python(
                "a",
                """
                for host, port in (('127.0.0.1', 15001), ('0.0.0.0', 15001), ('127.9.9.9', 15053), ('10.77.0.1', 15008)):
                    print(call(host, port))
                print(call('::1', 15001, socket.AF_INET6)); print(call('::', 15001, socket.AF_INET6))
                print(call('::ffff:127.0.0.1', 15001, socket.AF_INET6))
                try: socket.socket().bind(('127.0.0.1', 15053)); print('bound')
                except OSError as e: print(errno.errorcode[e.errno])
                """)
            #expect(text.split(separator: "\n").allSatisfy { $0 == "EPERM" })
            #expect(arena.reasons() == Array(repeating: .ownPort, count: 8))
        }

        @Test func refusesSocketsThatAreNotTCPOrUDP() throws {
            let arena = Arena("kind")
            try arena.serve(.proxy)
            let text = try arena.python(
                "a",
                """
                def make(*a):
                    try: socket.socket(*a); print('made')
                    except OSError as e: print(errno.errorcode[e.errno])
                for family in (socket.AF_INET, socket.AF_INET6):
                    make(family, socket.SOCK_RAW, 1); make(family, socket.SOCK_RAW, 255); make(family, socket.SOCK_DGRAM, 136)
                    make(family, socket.SOCK_STREAM, 262); make(family, socket.SOCK_STREAM, 0); make(family, socket.SOCK_DGRAM, 0)
                """)
            let one = ["EPERM", "EPERM", "EPROTONOSUPPORT", "EPROTONOSUPPORT", "made", "made"]
            #expect(text.split(separator: "\n").map(String.init) == one + one)
            #expect(arena.reasons().contains(.mptcp))
        }

        @Test func refusesUDPButNotWithinAPod() throws {
            let arena = Arena("udp")
            try arena.serve(.proxy)
            let source = """
                def send(host, port, family=socket.AF_INET, connect=False):
                    s = socket.socket(family, socket.SOCK_DGRAM)
                    try:
                        if connect: s.connect((host, port)); s.send(b'x')
                        else: s.sendto(b'x', (host, port))
                        print('sent')
                    except OSError as e: print(errno.errorcode[e.errno])
                for connect in (False, True):
                    send('10.77.0.9', 9, connect=connect); send('fd77::9', 9, socket.AF_INET6, connect)
                    send('::ffff:10.77.0.9', 9, socket.AF_INET6, connect); send('224.0.0.251', 5353, connect=connect)
                    send('127.0.0.1', 15053, connect=connect)
                    send('127.0.0.1', 9, connect=connect); send('::1', 9, socket.AF_INET6, connect)
                """
            let once = Array(repeating: "EPERM", count: 5)
            let pod = try arena.python("a", source).split(separator: "\n").map(String.init)
            #expect(pod == once + ["sent", "sent"] + once + ["sent", "sent"])
            let node = try arena.python("node", source, space: "node").split(separator: "\n").map(String.init)
            #expect(node.allSatisfy { $0 == "EPERM" })
            #expect(Set(arena.reasons()) == [.udp, .ownPort])
        }

        @Test func leavesAPodsLoopbackAlone() throws {
            let arena = Arena("loop")
            try arena.serve(.proxy)
            try arena.startServer("a", port: 9000)
            #expect(try arena.python("a", "print(call('127.0.0.1', 9000))") == "peer ::ffff:127.0.0.1 hello from 127.0.0.1 to 127.0.0.1")
            #expect(try arena.python("a", "print(call('0.0.0.0', 9000))").hasPrefix("peer"))
            #expect(try arena.python("a", "print(call('::1', 9000, socket.AF_INET6))") == "peer ::1 hello from ::1 to ::1")
            #expect(arena.reasons().isEmpty)
        }
    }
}
