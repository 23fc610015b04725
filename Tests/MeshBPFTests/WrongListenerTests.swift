import Foundation
import MeshBPF
import MeshSystem
import MeshTypes
import Testing

extension KernelTests {
    /// Whoever listens where a service should be is not served in its place.
    @Suite struct WrongListener {
        private func ask(_ arena: Arena, _ space: String, _ address: String, _ callee: ServiceID) throws -> String {
            try arena.asDaemon { try arena.inside(space) { try TestClient.ask(SocketAddress(address)!, callee: callee) } }
        }

        private func isRefused(_ arena: Arena, _ space: String, _ address: String, _ callee: ServiceID) throws -> Bool {
            try arena.asDaemon { try arena.inside(space) { try TestClient.meetsWrongListener(SocketAddress(address)!, callee: callee) } }
        }

        @Test(arguments: ["stranger", "a", "exempt", "daemon"])
        func deliveriesAreKeptFromIt(_ group: String) throws {
            let arena = Arena("wl\(group.prefix(1))")
            try arena.serve(.proxy)
            try arena.startServer(group, space: "b")
            try arena.startServer(group, port: 8080, space: "node")
            for address in ["10.77.0.3:80", "[fd77::3]:80", "127.0.0.1:80"] {
                #expect(try isRefused(arena, "b", address, Arena.serviceB), "\(address)")
            }
            for address in ["10.77.0.1:8080", "127.0.0.1:8080"] {
                #expect(try isRefused(arena, "node", address, Arena.serviceNode), "\(address)")
            }
            // Its SYN comes again after a second, and the guard resets it.
            #expect(throws: (any Error).self) { try ask(arena, "b", "10.77.0.3:80", Arena.serviceB) }
            // Another workload's is refused in a namespace that is not its own anyway.
            guard group != "a" else { return }
            #expect(try ask(arena, "b", "10.77.0.3:80", .none).hasPrefix("peer"), "without an expectation nothing changes")
        }

        @Test func itIsCaughtOutsideOfTheCapturedCgroupToo() throws {
            let arena = Arena("wlo")
            try arena.serve(.proxy)
            try arena.startServer(nil, space: "b")
            #expect(try isRefused(arena, "b", "10.77.0.3:80", Arena.serviceB))
        }

        @Test func theServiceItselfIsServed() throws {
            let arena = Arena("wls")
            try arena.serve(.proxy)
            try arena.startServer("b")
            try arena.startServer("node", port: 8080, space: "node")
            try arena.startServer("a/deep/deeper", port: 9000, space: "a")
            #expect(try ask(arena, "b", "10.77.0.3:80", Arena.serviceB).hasPrefix("peer"))
            #expect(try ask(arena, "b", "[fd77::3]:80", Arena.serviceB).hasPrefix("peer"))
            #expect(try ask(arena, "node", "127.0.0.1:8080", Arena.serviceNode).hasPrefix("peer"))
            #expect(try ask(arena, "a", "10.77.0.2:9000", Arena.serviceA).hasPrefix("peer"), "a runtime nests cgroups")
            #expect(try !isRefused(arena, "b", "10.77.0.3:80", Arena.serviceB))
        }

        /// A supervisor in the unit, or systemd's store of descriptors, hands a listener to the unit's next processes: their cgroup is new.
        @Test func anInheritedListenerIsServed() throws {
            let arena = Arena("wli")
            try arena.serve(.proxy)
            try arena.startServer("stranger", space: "b")
            let entry = WorkloadEntry(workload: WorkloadID(rawValue: 2), service: Arena.serviceB, namespace: Arena.indexB)
            let old = try arena.cgroupID("stranger")
            try arena.capture.setWorkload(cgroup: old, entry)
            try arena.capture.removeWorkload(cgroup: old, isGone: true)
            #expect(try ask(arena, "b", "10.77.0.3:80", Arena.serviceB).hasPrefix("peer"))
            #expect(try isRefused(arena, "b", "10.77.0.3:80", Arena.serviceA), "it is that service's and no other's")
            try arena.capture.setWorkload(cgroup: old, entry)
            try arena.capture.removeWorkload(cgroup: old)
            #expect(try isRefused(arena, "b", "10.77.0.3:80", Arena.serviceB), "a cgroup that lives on was taken from the service")
        }

        /// The service manager, process 1, makes the sockets of socket activation: for services of the node's own namespace only.
        @Test func anActivatedListenerIsServed() throws {
            let arena = Arena("wla")
            try arena.serve(.proxy)
            let text = try readText("/proc/1/cgroup").split(separator: "\n").first { $0.hasPrefix("0::") }!
            let manager = ".." + text.dropFirst(3)
            try arena.startServer(manager, port: 8080, space: "node")
            try arena.startServer(manager, space: "b")
            #expect(try ask(arena, "node", "10.77.0.1:8080", Arena.serviceNode).hasPrefix("peer"))
            #expect(try isRefused(arena, "b", "10.77.0.3:80", Arena.serviceB))
        }

        @Test func directFlowsAreKeptFromIt() throws {
            let arena = Arena("wld")
            try arena.serve(.direct)
            try arena.startServer("stranger", space: "b")
            #expect(try arena.python("a", "print(call('240.64.0.5', 80))") == "ECONNREFUSED")
            let closed = arena.events().filter { $0.kind == .directClosed }
            #expect(closed.map(\.reason) == [.wrongListener] && closed.map(\.bytesReceived) == [0])
            try arena.startServer("b", port: 81)
            try arena.capture.reconcile(localEndpoints: [Arena.serviceB: [SocketAddress("10.77.0.3:81")!]])
            #expect(try arena.python("a", "print(call('240.64.0.5', 80))").hasPrefix("peer"))
        }
    }
}
