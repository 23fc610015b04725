import Foundation
import MeshBPF
import MeshSystem
import MeshTypes
import Testing

extension KernelTests {
    /// Closed cgroups under `unknown: pass`, and cgroups that are known before they are made.
    @Suite struct Closure {
        private static let attempts = """
            print(call('10.77.0.9', 80))
            try: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('10.77.0.9', 9)); print('sent')
            except OSError as e: print(errno.errorcode[e.errno])
            """

        private func path(_ arena: Arena, _ group: String) -> String {
            String((arena.root + "/" + group).dropFirst(ControlGroup.mountPoint()!.count))
        }

        @Test func nobodyUnknownPassesBelowAClosedCgroup() throws {
            let arena = Arena("clo")
            try arena.attach(unknown: .pass)
            try arena.startServer(nil, space: "out")
            #expect(try arena.python("a/deep/deeper", Self.attempts, space: "a").hasSuffix("\nsent"), "it passes at first")
            try arena.capture.reconcile(closed: [arena.cgroupID("a")])
            for group in ["a", "a/deep/deeper"] {
                #expect(try arena.python(group, Self.attempts, space: "a") == "EPERM\nEPERM", "\(group)")
            }
            #expect(try arena.python("stranger", Self.attempts, space: "a").hasSuffix("\nsent"), "beside it, `pass` means pass")
            let reasons = arena.reasons()
            #expect(!reasons.isEmpty && reasons.allSatisfy { $0 == .unknownWorkload }, "\(reasons)")
            try arena.capture.reconcile(closed: [])
            #expect(try arena.python("a", Self.attempts, space: "a").hasSuffix("\nsent"))
        }

        @Test func theDeepestEntryCounts() throws {
            let arena = Arena("clod")
            try arena.attach(unknown: .pass)
            try arena.serve(.proxy)
            try arena.capture.reconcile(closed: [ControlGroup.id(ofDirectory: arena.root)])
            #expect(try arena.python("a", "print(call('240.64.0.5', 80))").hasPrefix("captured"))
            #expect(try arena.python("stranger", Self.attempts, space: "a") == "EPERM\nEPERM")
        }

        /// Connections and datagrams to a program that nobody knows do not arrive either.
        @Test func nothingComesIntoAClosedCgroup() throws {
            let arena = Arena("cloi")
            try arena.attach(unknown: .pass)
            try arena.startServer("node", port: 8085, space: "node")
            #expect(try arena.python(nil, "print(call('10.77.0.1', 8085)[:4])", space: "out") == "peer")
            try arena.capture.reconcile(closed: [arena.cgroupID("node")])
            #expect(try arena.python(nil, "print(call('10.77.0.1', 8085))", space: "out") == "timeout")
            #expect(arena.reasons().contains(.unknownWorkload))
        }

        @Test func aCgroupThatIsMadeAtAKnownPathIsKnownToItsFirstProcess() throws {
            let arena = Arena("clom")
            try arena.attach(unknown: .pass)
            if let failure = arena.capture.watchFailure { Issue.record("\(failure)") }
            try arena.serve(.proxy)
            try arena.startServer(nil, space: "out")
            let node = WorkloadEntry(
                workload: WorkloadID(rawValue: 3), service: Arena.serviceNode, namespace: .node, sharesNodeNamespace: true)
            let before = try arena.cgroupID("node")
            try arena.capture.reconcile(paths: [
                path(arena, "node"): KnownCgroup(node, cgroup: before), path(arena, "b"): KnownCgroup(.closed, cgroup: 0),
            ])
            for group in ["node", "b", "stranger"] { rmdir(arena.root + "/" + group) }
            for group in ["node", "b", "stranger"] { mkdir(arena.root + "/" + group, 0o755) }
            let after = try arena.cgroupID("node")
            #expect(before != after)
            #expect(try arena.python("node", "print(call('127.0.0.1', 8080))").hasPrefix("captured"))
            #expect(try arena.python("b", Self.attempts, space: "b") == "EPERM\nEPERM")
            #expect(try arena.python("stranger", Self.attempts, space: "node").hasSuffix("\nsent"))
            // The daemon takes it over, and nobody is left under the old number.
            arena.capture.adopt(cgroup: after)
            arena.capture.adopt(cgroup: before)
            #expect(arena.capture.workloads()[after] == node)
            #expect(arena.capture.workloads()[before] == nil)
        }

        /// Without any daemon: what a restarted unit may do is what the last one wrote.
        @Test func itNeedsNoDaemon() throws {
            let arena = Arena("clon")
            try arena.attach(unknown: .pass)
            try arena.serve(.proxy)
            try arena.capture.reconcile(paths: [path(arena, "node"): KnownCgroup(.closed, cgroup: 0)])
            arena.killDaemon()
            rmdir(arena.root + "/node")
            mkdir(arena.root + "/node", 0o755)
            #expect(try arena.python("node", Self.attempts) == "EPERM\nEPERM")
        }

        @Test func pathsThatAreTooLongAreNamed() throws {
            let arena = Arena("clol")
            try arena.attach(unknown: .pass)
            let long = "/" + String(repeating: "a", count: 400)
            let closed = KnownCgroup(.closed, cgroup: 0)
            #expect(try arena.capture.reconcile(paths: [long: closed, "/b": closed]) == [long])
        }

        /// In the node's namespace `pass` means pass; in a pod's nobody without an identity has raw sockets.
        @Test func strangersHaveNoRawSocketsInAPodsNamespace() throws {
            let arena = Arena("clor")
            try arena.attach(unknown: .pass)
            let source = """
                for kind, protocol in ((socket.SOCK_RAW, 1), (socket.SOCK_RAW, 6), (socket.SOCK_DGRAM, 1)):
                    try: socket.socket(socket.AF_INET, kind, protocol); print('made')
                    except OSError as e: print(errno.errorcode[e.errno])
                """
            #expect(try arena.python("stranger", source, space: "b").split(separator: "\n").prefix(2) == ["made", "made"])
            try arena.serve(.proxy)
            // The kernel's own setting may refuse the last one before the mesh does.
            let refused = try arena.python("stranger", source, space: "b").split(separator: "\n")
            #expect(refused.prefix(2) == ["EPERM", "EPERM"] && refused.last != "made", "\(refused)")
            #expect(try arena.python("stranger", source, space: "node").split(separator: "\n").prefix(2) == ["made", "made"])
            #expect(arena.reasons().contains(.rawSocket))
        }
    }
}
