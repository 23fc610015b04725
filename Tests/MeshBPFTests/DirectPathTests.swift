import Foundation
import MeshBPF
import MeshTypes
import Testing

extension KernelTests {
    @Suite struct DirectPath {
        @Test func leadsToALocalEndpointAndShowsWhatWasAskedFor() throws {
            let arena = Arena("dir")
            try arena.serve(.direct)
            try arena.startServer()
            #expect(try arena.python("a", "print(call('240.64.0.5', 80))") == "peer ::ffff:10.77.0.2 hello from 240.64.0.5 to 10.77.0.2")
            let v6 = try arena.python("a", "print(call('fd6d:7965:6c69::5', 80, socket.AF_INET6))")
            #expect(v6 == "peer fd77::2 hello from fd6d:7965:6c69::5 to fd77::2")
            let mapped = try arena.python("a", "print(call('::ffff:240.64.0.5', 80, socket.AF_INET6))")
            #expect(mapped == "peer ::ffff:10.77.0.2 hello from ::ffff:240.64.0.5 to ::ffff:10.77.0.2")
            #expect(try arena.python("a", "print(call('10.77.0.3', 80))").hasPrefix("peer ::ffff:10.77.0.2"))
            usleep(200_000)
            #expect(arena.capture.statistics().flows == 0)
            #expect(arena.reasons().isEmpty)
        }

        @Test func reportsOpeningAndClosingWithExactBytes() throws {
            let arena = Arena("bytes")
            try arena.serve(.direct)
            try arena.startServer()
            // The server sends 22 bytes ("peer ::ffff:10.77.0.2 ") and then echoes. Three ways to end.
            let text = try arena.python(
                "a",
                """
                print(len(call('240.64.0.5', 80, text=b'x' * 100000).split(' from ')[0]))
                s = socket.socket(); s.connect(('240.64.0.5', 80)); s.recv(22, socket.MSG_WAITALL); s.sendall(b'12345')
                s.recv(5, socket.MSG_WAITALL); s.close()
                s = socket.socket(); s.connect(('240.64.0.5', 80)); s.recv(22, socket.MSG_WAITALL); s.sendall(b'1234567')
                s.recv(7, socket.MSG_WAITALL); s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0)); s.close()
                time.sleep(0.2)
                """)
            #expect(text == "100022")
            let events = arena.events()
            #expect(events.filter { $0.kind == .directOpened }.count == 3)
            let closed = events.filter { $0.kind == .directClosed }
            #expect(closed.map(\.bytesSent) == [100_000, 5, 7])
            #expect(closed.map(\.bytesReceived) == [100_022, 27, 29])
            #expect(closed.allSatisfy { $0.failure == 0 && $0.duration > 0 && $0.dialled == Arena.virtualB })
            #expect(closed.allSatisfy { $0.destination == SocketAddress("10.77.0.3:80") && $0.sourceService == Arena.serviceA })
        }

        @Test func reportsAConnectThatFailed() throws {
            let arena = Arena("fail")
            try arena.serve(.direct)
            #expect(try arena.python("a", "print(call('240.64.0.5', 80))") == "ECONNREFUSED")
            let closed = arena.events().filter { $0.kind == .directClosed }
            #expect(closed.map(\.failure) == [ECONNREFUSED])
            #expect(closed.map(\.bytesSent) == [0])
            #expect(arena.capture.statistics().flows == 0)
        }

        @Test func fallsBackToTheDaemonWithoutALocalEndpoint() throws {
            let arena = Arena("fall")
            try arena.serve(.direct)
            try arena.capture.reconcile(localEndpoints: [Arena.serviceB: [SocketAddress("[fd77::3]:80")!]])
            #expect(try arena.python("a", "print(call('240.64.0.5', 80))").hasPrefix("captured 240.64.0.5:80"))
            #expect(try arena.python("a", "print(call('10.77.0.3', 80))").hasPrefix("captured 10.77.0.3:80"))
            // Who dials one endpoint is not led to another.
            try arena.capture.reconcile(localEndpoints: [Arena.serviceB: [SocketAddress("10.77.0.2:80")!]])
            #expect(try arena.python("a", "print(call('10.77.0.3', 80))").hasPrefix("captured 10.77.0.3:80"))
        }

        @Test func worksWithinTheNodesNamespace() throws {
            let arena = Arena("hdir")
            try arena.serve(.direct)
            try arena.startServer("node", port: 8080, space: "node")
            #expect(try arena.python("node", "print(call('127.0.0.1', 8080))").hasPrefix("peer ::ffff:127.0.0.1 hello from 127.0.0.1"))
            usleep(100_000)
            #expect(arena.capture.statistics().flows == 0)
        }

        /// A flow stands still while the daemon is dead, in both directions, and goes on under the next one.
        @Test func pausesWhileTheDaemonIsDead() throws {
            let arena = Arena("pause")
            try arena.serve(.direct)
            try arena.startServer()
            let client = try arena.start(
                "a",
                """
                s = socket.socket(); s.connect(('240.64.0.5', 80)); s.recv(22, socket.MSG_WAITALL); print('ready')
                for text in sys.stdin:
                    s.settimeout({'dead\\n': 1, 'slow\\n': 2}.get(text, 10))
                    try: s.sendall(text.encode()); print(s.recv(100).decode().strip().replace('\\n', '+'))
                    except TimeoutError: print('timeout')
                """)
            #expect(client.line() == "ready")
            client.tell("one")
            #expect(client.line() == "one")
            client.tell("slow")
            usleep(300_000)
            arena.killDaemon()
            #expect(client.line() == "timeout")
            client.tell("dead")
            #expect(client.line() == "timeout")
            #expect(try arena.python("a", "print(call('240.64.0.5', 80))") == "ECONNREFUSED")
            try arena.serve(.direct)
            #expect(arena.capture.tookOver)
            client.tell("two")
            #expect(client.line().hasPrefix("slow"))
            #expect(arena.capture.statistics().paused > 0)
        }
    }
}
