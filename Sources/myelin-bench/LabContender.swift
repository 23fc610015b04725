import Foundation
import MeshLab

/// A client and an echo server in pods of a laboratory of their own: in the mesh, with daemons of one worker each on the proxies' core, or
/// the same pods without a mesh.
final class LabContender: Contender {
    let name: String
    private let lab: Lab
    private let caller: Workload
    private let address: String
    private let cores: Cores
    private let daemons: [LabNode]

    /// - Parameter server: the command of the echo server on a port.
    init(_ name: String, _ table: Table, server: (Int) -> [String], cores: Cores, isMeshed: Bool) throws {
        self.name = name
        self.cores = cores
        let calleeNode = table == .pair ? "node-2" : "node-1"
        var nodes = [Topology.Node(name: "node-1", zone: "a", region: "r")]
        if table == .pair { nodes.append(Topology.Node(name: "node-2", zone: "b", region: "r")) }
        for index in nodes.indices {
            nodes[index].workers = 1
            nodes[index].direct = table == .sameNode
        }
        let services = [
            Topology.Service("caller", port: 7001, program: .idle, on: [.pod("node-1")], policy: "allow: [callee]\n"),
            Topology.Service(
                "callee", port: UInt16(Stage.serverPort), program: .command(server(Stage.serverPort)), on: [.pod(calleeNode)],
                policy: "allow: []\n"),
        ]
        lab = try Lab.raise(Topology(nodes: nodes, services: services), name: isMeshed ? "bench" : "bench0")
        caller = lab.workload("caller")
        let callee = lab.workload("callee")
        address = "\(callee.ipv4):\(callee.port)"
        daemons = isMeshed ? lab.nodes : []
        do {
            try Stage.makeRoomForShortConnections(in: caller.namespace)
            if isMeshed { try lab.startDaemons() }
            for pid in lab.processes(of: callee) { try pin(pid, to: cores.server) }
            for pid in pids { try pin(pid, to: cores.proxy) }
        } catch {
            close()
            throw error
        }
    }

    var pids: [Int32] { daemons.flatMap(lab.daemonProcesses) }

    private func pin(_ pid: Int32, to core: Int) throws { try Child.output(["taskset", "-acp", String(core), String(pid)]) }

    /// Enters the caller's cgroup and namespace, on the load's core.
    private var prefix: [String] {
        let enter =
            "echo $$ > \(caller.cgroup)/cgroup.procs && exec nsenter --net=/run/netns/\(caller.namespace) taskset -c \(cores.load) \"$@\""
        return ["sh", "-c", enter, "caller"]
    }

    func run(_ load: LoadGenerator, _ operation: Operation, seconds: Double) throws -> LoadResult {
        try load.run(operation, against: address, seconds: seconds, from: prefix)
    }

    func idleBytes(_ load: LoadGenerator, connections: Int) throws -> Int {
        let before = Usage(of: pids).residentBytes
        let during = try load.whileHolding(connections, against: address, from: prefix) { Usage(of: pids).residentBytes }
        return max(0, during - before) / connections
    }

    func close() { try? lab.lower() }
}
