import Foundation
import MeshLab
import Testing

/// Under `unknown: pass` a unit that starts anew has no moment of freedom, whether the daemon runs, hangs or is dead.
@Suite(.serialized) final class ClosureNodeTests {
    private let lab: Lab
    private var node: LabNode { lab.nodes[0] }
    private var batch: Workload { lab.workload("batch") }

    init() throws {
        let services = [
            Topology.Service("batch", port: 7009, program: .idle, on: [.host("node-1")], policy: "allow: [echo]\n"),
            Topology.Service(
                "echo", port: 7000, program: .command([Binaries.load, "echo", "--listen", "[::]:7000"]), on: [.pod("node-2")], policy: nil),
        ]
        var nodes = Topology.twoNodes
        nodes[0].unknown = "pass"
        nodes[0].closed = ["/closed"]
        lab = try Lab.raise(Topology(nodes: nodes, services: services), name: "closure")
        try lab.startDaemons()
    }

    deinit { try? lab.lower() }

    /// What gets out of the node within a second: connections and datagrams to a machine without a mesh.
    private static func attempts(_ address: String) -> String {
        """
        import errno, socket, time
        out = refused = 0
        end = time.monotonic() + 1
        while time.monotonic() < end:
            for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                s = socket.socket(socket.AF_INET, kind); s.settimeout(0.3)
                try:
                    if kind == socket.SOCK_DGRAM: s.sendto(b'x', ('\(address)', 9))
                    else: s.connect(('\(address)', 9))
                    out += 1
                except PermissionError: refused += 1
                # The other machine's own refusal: the connection got out.
                except OSError: out += 1
                s.close()
            time.sleep(0.002)
        print('out', out, 'refused' if refused > 20 else 'few')
        """
    }

    private func attack(_ foothold: Lab.Foothold) throws -> String {
        let command = ["/usr/bin/python3", "-c", Self.attempts(node.outsideIPv4)]
        return try lab.attack(from: foothold, command).output.trimmingCharacters(in: .whitespacesAndNewlines)
    }

    /// As systemd does when a unit restarts: its cgroup goes, and a new one comes.
    private func remakeCgroup() throws {
        try lab.stopService(batch)
        #expect(try eventually { rmdir(batch.cgroup) == 0 })
        try #require(mkdir(batch.cgroup, 0o755) == 0)
    }

    @Test(arguments: ["alive", "stopped", "dead"]) func aRestartedUnitNeverGetsOut(daemon: String) throws {
        #expect(try attack(.unknown(node)).hasPrefix("out"), "a stranger passes")
        #expect(try !attack(.unknown(node)).hasPrefix("out 0"), "a stranger passes: the refusals below mean something")
        #expect(try attack(.workload(batch)) == "out 0 refused")
        switch daemon {
        case "stopped": try lab.signalDaemon(node, SIGSTOP)
        case "dead": try lab.signalDaemon(node, SIGKILL)
        default: break
        }
        for _ in 0..<3 {
            try remakeCgroup()
            #expect(try attack(.workload(batch)) == "out 0 refused")
        }
        if daemon == "stopped" { try lab.signalDaemon(node, SIGCONT) }
        if daemon == "dead" {
            try lab.startDaemon(node)
            try lab.awaitReady(node)
        }
        #expect(try eventually { try isServed() })
    }

    private func isServed() throws -> Bool {
        try lab.run(in: batch, [Binaries.load, "short", "--connect", "echo:7000", "--count", "1", "--timeout", "3"]).succeeded
    }

    /// The first connection of the first process has the unit's identity: nobody waits for a survey.
    @Test func aRestartedUnitHasItsIdentityAtItsFirstConnection() throws {
        #expect(try eventually { try isServed() })
        for _ in 0..<5 {
            try remakeCgroup()
            #expect(try isServed())
        }
    }

    @Test func aNamedSubtreeIsClosedWhateverIsMadeInIt() throws {
        let deep = node.cgroup + "/closed/deep"
        try FileManager.default.createDirectory(atPath: deep, withIntermediateDirectories: true)
        let place = "echo $$ > \(deep)/cgroup.procs && exec \"$@\""
        let command = ["nsenter", "--net=/run/netns/\(node.namespace)", "python3", "-c", Self.attempts(node.outsideIPv4)]
        let process = Process()
        let output = Pipe()
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.arguments = ["-c", place, "sh"] + command
        process.standardOutput = output
        try process.run()
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        #expect(text.trimmingCharacters(in: .whitespacesAndNewlines) == "out 0 refused")
        #expect(try lab.control(node, ["flows", "--denied", "-o", "json"]).output.contains("unknown_workload"))
    }

    @Test func checkSaysWhatPassMeans() throws {
        let text = try lab.control(node, ["check"]).output
        #expect(text.contains("unknown: pass") && text.contains("/closed"), "\(text)")
        #expect(text.contains("can write cgroups") || text.contains("has SYS_ADMIN"), "the laboratory's services are root's: \(text)")
    }
}
