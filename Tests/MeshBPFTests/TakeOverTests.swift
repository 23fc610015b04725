import Foundation
import MeshBPF
import MeshSystem
import MeshTypes
import Testing

extension KernelTests {
    @Suite struct TakeOver {
        @Test func stayClosedWithoutADaemonAndServeAgainWithTheNext() throws {
            let arena = Arena("take")
            try arena.serve(.proxy)
            try arena.startServer()
            #expect(!arena.capture.tookOver)
            let id = try arena.cgroupID("a")
            arena.killDaemon()
            let source = """
                print(call('240.64.0.5', 80)); print(call('10.77.0.9', 80)); print(call('10.77.0.3', 80))
                try: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('10.77.0.3', 9)); print('sent')
                except OSError as e: print(errno.errorcode[e.errno])
                """
            #expect(try arena.python("a", source) == "ECONNREFUSED\nEPERM\nECONNREFUSED\nEPERM")
            #expect(try arena.python(nil, "print(call('10.77.0.3', 80))", space: "out") == "ECONNREFUSED")
            try arena.attach()
            #expect(arena.capture.tookOver)
            #expect(arena.capture.workloads()[id]?.service == Arena.serviceA)
            #expect(try arena.python("a", "print(call('240.64.0.5', 80))") == "ECONNREFUSED")
            try arena.serve(.proxy)
            #expect(try arena.python("a", "print(call('240.64.0.5', 80))").hasPrefix("captured"))
            #expect(PinLayout.names(in: arena.pins + "/v2/guards").count == 3)
            #expect(arena.capture.sweepGuards() == 0)
        }

        /// Programs are swapped inside their links: no connection sees a moment without them.
        @Test func swapsProgramsUnderConnections() throws {
            let arena = Arena("swap")
            try arena.serve(.proxy)
            let client = try arena.start(
                "a",
                """
                print('ready'); good = bad = 0; end = time.time() + 4
                while time.time() < end:
                    text = call('240.64.0.5', 80)
                    if text.startswith('captured 240.64.0.5:80 service 11 hello'): good += 1
                    else: bad += 1; print(text, file=sys.stderr)
                print('good' if good > 100 else 'few', bad)
                """)
            #expect(client.line() == "ready")
            let options = arena.capture.options
            for _ in 0..<20 {
                // A second daemon would do the same: it loads, and swaps each link's program.
                let next = try arena.inside("node") { try Capture.attach(options) }
                #expect(next.tookOver)
            }
            #expect(client.line() == "good 0")
        }

        @Test func forgetsGuardsOfNamespacesThatNobodyClaims() throws {
            let arena = Arena("sweep")
            try arena.serve(.proxy)
            arena.killDaemon()
            try arena.attach()
            #expect(arena.capture.sweepGuards() == 3)
            #expect(PinLayout.names(in: arena.pins + "/v2/guards").isEmpty)
        }

        /// Another version's maps have another layout: its programs are replaced, never run beside ours.
        @Test func replacesPinsOfAnotherVersion() throws {
            let arena = Arena("vers")
            try arena.serve(.proxy)
            arena.killDaemon()
            try checkedRename(arena.pins + "/v2", arena.pins + "/v1")
            try arena.attach()
            #expect(!arena.capture.tookOver)
            #expect(PinLayout.names(in: arena.pins) == ["v2"])
            try arena.serve(.proxy)
            #expect(try arena.python("a", "print(call('240.64.0.5', 80))").hasPrefix("captured"))
        }

        private func checkedRename(_ from: String, _ to: String) throws {
            try checked("rename", on: from) { rename(from, to) }
        }

        @Test func saysWhatIsWrongWithAnObject() throws {
            let arena = Arena("bad")
            let options = CaptureOptions(
                objectDirectory: "/nonexistent", cgroup: arena.root, daemonCgroup: arena.root + "/daemon", pinDirectory: arena.pins)
            let error = #expect(throws: KernelError.self) { try Capture.attach(options) }
            #expect(error?.code == ENOENT)
            #expect(error?.description.contains("/nonexistent/capture.bpf.o: No such file or directory; check that") == true)
        }

        @Test func removesEverything() throws {
            let arena = Arena("rm")
            try arena.serve(.proxy)
            try arena.startServer(nil, port: 7000, space: "out")
            #expect(try arena.python("a", "print(call('10.77.0.9', 7000))") == "EPERM")
            arena.killDaemon()
            Capture.remove(pinDirectory: arena.pins)
            #expect(try arena.python("a", "print(call('10.77.0.9', 7000))").hasPrefix("peer"))
            #expect(!FileManager.default.fileExists(atPath: arena.pins))
        }

        @Test func endsConnectionsFromBeforeEnrolment() throws {
            let arena = Arena("old")
            try arena.attach(unknown: .pass)
            try arena.startServer(nil, port: 7000, space: "out")
            let client = try arena.start(
                "a",
                """
                s = socket.socket(); s.connect(('10.77.0.9', 7000)); s.recv(100)
                u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); u.connect(('10.77.0.9', 9)); print('ready')
                l = socket.socket(); l.bind(('0.0.0.0', 7001)); l.listen()
                sys.stdin.readline()
                s.settimeout(2)
                try: s.sendall(b'x'); print('leak', s.recv(10))
                except OSError as e: print(type(e).__name__)
                s.close()
                sys.stdin.readline()
                try: s = socket.socket(); s.connect(('10.77.0.9', 7000)); print('out')
                except OSError as e: print(errno.errorcode[e.errno])
                """)
            #expect(client.line() == "ready")
            try arena.serve(.proxy)
            // Before they are ended, the backstop holds what they send.
            client.tell("send")
            #expect(client.line() == "TimeoutError")
            #expect(arena.reasons().contains(.leak))
            let second = try arena.start("b", "print('b'); sys.stdin.readline()")
            _ = second.line()
            let namespace = try NetworkNamespace(path: "/run/netns/\(arena.name)-a")
            let ended = try destroySockets(ofCgroup: arena.root + "/a", in: namespace, keepLoopback: true)
            #expect(ended >= 2)
            client.tell("again")
            #expect(client.line() == "EPERM")
        }
    }
}
