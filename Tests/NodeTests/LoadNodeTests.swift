import Foundation
import MeshLab
import Testing

/// Much, and for long, through the real kernel programs and two daemons.
@Suite(.serialized) final class LoadNodeTests {
    private let lab: Lab
    private let caller: Workload
    private static let gibibyte = 1 << 30

    init() throws {
        let load = Binaries.load
        let services = [
            Topology.Service("caller", port: 7009, program: .idle, on: [.pod("node-1")], policy: "allow: [echo, hash, source, near]\n"),
            Topology.Service(
                "echo", port: 7000, program: .command([load, "echo", "--listen", "[::]:7000"]), on: [.pod("node-2")], policy: nil),
            Topology.Service(
                "hash", port: 7001, program: .command([load, "hash-serve", "--listen", "[::]:7001"]), on: [.pod("node-2")], policy: nil),
            Topology.Service(
                "source", port: 7002,
                program: .command([load, "source-serve", "--listen", "[::]:7002", "--bytes", "\(Self.gibibyte)", "--seed", "7"]),
                on: [.pod("node-2")], policy: nil),
            Topology.Service(
                "near", port: 7003, program: .command([load, "echo", "--listen", "[::]:7003"]), on: [.pod("node-1")], policy: nil),
        ]
        lab = try Lab.raise(Topology(nodes: Topology.twoNodes, services: services), name: "load")
        caller = lab.workload("caller")
        try lab.startDaemons()
    }

    deinit { try? lab.lower() }

    private func load(_ arguments: [String], timeout: Duration = .seconds(120)) throws -> CommandResult {
        try lab.run(in: caller, [Binaries.load] + arguments, timeout: timeout)
    }

    @Test func aGibibyteArrivesUnharmedInEachDirection() throws {
        let size = "\(Self.gibibyte)"
        let sent = try load(["send", "--connect", "hash:7001", "--bytes", size, "--seed", "42"])
        #expect(sent.succeeded, "\(sent)")
        let received = try load(["receive", "--connect", "source:7002", "--bytes", size, "--seed", "7"])
        #expect(received.succeeded, "\(received)")
        // The comparison is worth something: another seed is told.
        let other = try load(["receive", "--connect", "source:7002", "--bytes", size, "--seed", "8"])
        #expect(!other.succeeded)
    }

    @Test func tenThousandConnectionsAtOnceAllEcho() throws {
        let held = try load(["hold", "--connect", "echo:7000", "--connections", "10000", "--seconds", "1", "--echo"])
        #expect(held.succeeded, "\(held)")
        try awaitQuiet()
    }

    @Test func ahundredThousandShortConnectionsLeaveNothingBehind() throws {
        let echo = "\(lab.workload("echo").ipv4):7000"
        // What is kept for good, buffers and tunnels, is there after the first ones.
        #expect(try load(["short", "--connect", echo, "--count", "5000", "--concurrency", "64"]).succeeded)
        try awaitQuiet()
        let before = try lab.nodes.map { try Footprint(lab, $0) }
        let result = try load(["short", "--connect", echo, "--count", "100000", "--concurrency", "64"], timeout: .seconds(300))
        #expect(result.succeeded, "\(result)")
        try awaitQuiet()
        for (node, before) in zip(lab.nodes, before) {
            let after = try Footprint(lab, node)
            #expect(after.descriptors <= before.descriptors + 8, "\(node.name): \(before) then \(after)")
            #expect(after.residentKiB <= before.residentKiB + 16 * 1024, "\(node.name): \(before) then \(after)")
            #expect(after.tables == before.tables, "\(node.name)")
        }
    }

    @Test func directConnectionsOfOneNodeLeaveNothingBehind() throws {
        let near = "\(lab.workload("near").ipv4):7003"
        let before = try Footprint(lab, lab.nodes[0])
        let result = try load(["short", "--connect", near, "--count", "20000", "--concurrency", "32"])
        #expect(result.succeeded, "\(result)")
        try awaitQuiet()
        #expect(try Footprint(lab, lab.nodes[0]).tables == before.tables)
    }

    @Test func aDaemonWithoutDescriptorsRefusesAndRecovers() throws {
        let node = lab.nodes[0]
        try lab.signalDaemon(node, SIGKILL)
        try lab.startDaemon(node, under: ["prlimit", "--nofile=6000"])
        try lab.awaitReady(node)
        let pid = try #require(lab.daemonProcesses(node).first)
        let held = try load(["hold", "--connect", "echo:7000", "--connections", "9000", "--seconds", "1", "--timeout", "5"])
        #expect(!held.succeeded, "more than it may open cannot all succeed")
        try awaitQuiet()
        let again = try load(["hold", "--connect", "echo:7000", "--connections", "3500", "--seconds", "1", "--echo"])
        #expect(again.succeeded, "\(again)")
        #expect(lab.daemonProcesses(node).first == pid)
        let refused = try lab.metrics(node).split(separator: "\n").first {
            $0.hasPrefix("myelin_workload_connections_refused_total{service=\"caller\"")
        }
        #expect(refused.flatMap { $0.split(separator: " ").last }.flatMap { Int($0) } ?? 0 > 0)
    }

    /// Waits until the daemons carry nothing and the kernel's tables of live connections are empty.
    private func awaitQuiet() throws {
        let deadline = ContinuousClock.now + .seconds(20)
        while ContinuousClock.now < deadline {
            if try lab.nodes.allSatisfy({ try Footprint(lab, $0).isQuiet }) { return }
            usleep(200_000)
        }
        Issue.record("connections are left: \(try lab.nodes.map { try Footprint(lab, $0).description })")
    }
}

/// What a daemon and its kernel programs hold.
private struct Footprint: CustomStringConvertible {
    let descriptors: Int
    let residentKiB: Int
    /// Entries of the kernel's tables, by name.
    let tables: [String: Int]
    let flows: Int
    let tunnels: Int
    let deliveries: Int

    init(_ lab: Lab, _ node: LabNode) throws {
        let pid = try #require(lab.daemonProcesses(node).first)
        descriptors = try FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/fd").count
        let status = try String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8)
        let line = try #require(status.split(separator: "\n").first { $0.hasPrefix("VmRSS:") })
        residentKiB = try #require(line.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap { Int($0) })
        let metrics = try lab.metrics(node).split(separator: "\n")
        var tables: [String: Int] = [:]
        for line in metrics where line.hasPrefix("myelin_kernel_table_entries{table=\"") {
            let parts = line.split(separator: "\"")
            // The names of DNS servers that were asked stay known.
            if parts[1] != "dns_slots", parts[1] != "deliveries" {
                tables[String(parts[1])] = line.split(separator: " ").last.flatMap { Int($0) }
            }
        }
        self.tables = tables
        func value(_ name: String) -> Int {
            metrics.first { $0.hasPrefix(name + " ") }.flatMap { $0.split(separator: " ").last }.flatMap { Int($0) } ?? -1
        }
        flows = value("myelin_flows")
        tunnels = value("myelin_tunnels")
        deliveries = value("myelin_kernel_table_entries{table=\"deliveries\"}")
    }

    /// Tunnels stay for a while, and each that this daemon dialled is a delivery.
    var isQuiet: Bool { flows == 0 && tables["pending"] == 0 && tables["flows"] == 0 && deliveries <= tunnels }

    var description: String {
        "\(flows) flows, \(descriptors) descriptors, \(residentKiB) KiB, \(deliveries) deliveries, \(tunnels) tunnels, \(tables)"
    }
}
