import Foundation
import MeshBPF
import MeshSystem
import MeshTypes
import Testing

extension KernelTests {
    @Suite struct InboundGuard {
        @Test func resetsWhatDidNotComeThroughTheMesh() throws {
            let arena = Arena("grd")
            try arena.serve(.proxy)
            try arena.startServer()
            #expect(try arena.python(nil, "print(call('10.77.0.3', 80))", space: "out") == "ECONNREFUSED")
            #expect(try arena.python(nil, "print(call('fd77::3', 80, socket.AF_INET6))", space: "out") == "ECONNREFUSED")
            let events = arena.events()
            #expect(events.map(\.reason) == [.plaintext, .plaintext])
            #expect(events.allSatisfy { $0.kind == .deniedInbound && $0.destinationService == Arena.serviceB })
            #expect(events.first?.source.ip == IPAddress("10.77.0.9"))
        }

        @Test func passesAndCountsWhenPermissive() throws {
            let arena = Arena("perm")
            try arena.serve(.proxy, permissive: true)
            try arena.startServer()
            #expect(try arena.python(nil, "print(call('10.77.0.3', 80))", space: "out").hasPrefix("peer ::ffff:10.77.0.9"))
            #expect(arena.events().map(\.kind) == [.permissiveInbound])
            #expect(arena.capture.statistics().permissive == 1)
            let namespace = try NetworkNamespace(path: "/run/netns/\(arena.name)-b")
            let kind = GuardKind.pod(workload: WorkloadID(rawValue: 2), service: Arena.serviceB)
            try arena.capture.guard(namespace: namespace, index: Arena.indexB, kind: kind)
            #expect(try arena.python(nil, "print(call('10.77.0.3', 80))", space: "out") == "ECONNREFUSED")
        }

        @Test func passesWhatTheDaemonDelivers() throws {
            let arena = Arena("dlv")
            try arena.serve(.proxy)
            try arena.startServer()
            for address in ["10.77.0.3:80", "[fd77::3]:80", "127.0.0.1:80"] {
                let answer = try arena.asDaemon { try arena.inside("b") { try TestClient.ask(SocketAddress(address)!) } }
                #expect(answer.hasPrefix("peer"), "\(address)")
            }
            // The client's own address, kept by the mark and IP_TRANSPARENT.
            let kept = try arena.asDaemon {
                try arena.inside("b") { try TestClient.ask(SocketAddress("10.77.0.3:80")!, as: SocketAddress("10.77.0.2:0")!) }
            }
            #expect(kept.hasPrefix("peer ::ffff:10.77.0.2"))
            let kept6 = try arena.asDaemon {
                try arena.inside("b") { try TestClient.ask(SocketAddress("[fd77::3]:80")!, as: SocketAddress("[fd77::2]:0")!) }
            }
            #expect(kept6.hasPrefix("peer fd77::2"))
            usleep(100_000)
            #expect(arena.capture.statistics().deliveries == 0)
            #expect(arena.reasons().isEmpty)
        }

        @Test func guardsOnlyTheServicesOfTheNodesNamespace() throws {
            let arena = Arena("hgrd")
            try arena.serve(.proxy)
            try arena.startServer("node", port: 8080, space: "node")
            try arena.startServer(nil, port: 9090, space: "node")
            let source = "print(call('10.77.0.1', 8080)); print(call('10.77.0.1', 9090)[:4])"
            #expect(try arena.python(nil, source, space: "out") == "ECONNREFUSED\npeer")
            let local = "print(call('127.0.0.1', 8080)); print(call('127.0.0.1', 9090)[:4])"
            #expect(try arena.python(nil, local, space: "node") == "ECONNREFUSED\npeer")
        }

        /// The packet hook stands behind the guard: without the guard, a SYN is dropped without an answer.
        @Test func hasABackstop() throws {
            let arena = Arena("back")
            try arena.serve(.proxy)
            try arena.startServer()
            try arena.startServer("node", port: 8085, space: "node")
            for pin in PinLayout.names(in: arena.pins + "/v2/guards") { unlink("\(arena.pins)/v2/guards/\(pin)") }
            #expect(
                try arena.python(nil, "print(call('10.77.0.3', 80)); print(call('10.77.0.1', 8085))", space: "out") == "timeout\ntimeout")
            #expect(arena.reasons().allSatisfy { $0 == .plaintext })
            let answer = try arena.asDaemon { try arena.inside("b") { try TestClient.ask(SocketAddress("10.77.0.3:80")!) } }
            #expect(answer.hasPrefix("peer"))
        }

        @Test func refusesDatagramsFromOutside() throws {
            let arena = Arena("gudp")
            try arena.serve(.proxy)
            let server = try arena.start(
                "b",
                """
                s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM); s.bind(('::', 5000)); s.settimeout(1); print('ready')
                try: s.recv(10); print('received')
                except TimeoutError: print('nothing')
                """)
            #expect(server.line() == "ready")
            _ = try arena.python(
                nil,
                """
                socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('10.77.0.3', 5000))
                socket.socket(socket.AF_INET6, socket.SOCK_DGRAM).sendto(b'x', ('fd77::3', 5000))
                """, space: "out")
            #expect(server.line() == "nothing")
            #expect(arena.reasons().allSatisfy { $0 == .udp })
        }
    }
}
