import Foundation
import MeshLab

/// A client and an echo server in pods of a laboratory of their own: in the mesh, with daemons of one worker each on the proxies' core, or
/// the same pods without a mesh.
final class LabContender: Contender {
    let name: String
    private let lab: Lab
    private let caller: Workload
    private var address = ""
    private let cores: Cores
    private let daemons: [LabNode]

    /// - Parameter server: the command of the server.
    init(_ name: String, _ table: Table, server: [String], cores: Cores, isMeshed: Bool) throws {
        self.name = name
        self.cores = cores
        let calleeNode = table.hasTwoNodes ? "node-2" : "node-1"
        var nodes = [Topology.Node(name: "node-1", zone: "a", region: "r")]
        if table.hasTwoNodes { nodes.append(Topology.Node(name: "node-2", zone: "b", region: "r")) }
        for index in nodes.indices {
            nodes[index].workers = 1
            nodes[index].direct = table == .sameNode
            nodes[index].logsAccess = !table.isHTTP
        }
        var services = [
            Topology.Service("caller", port: 7001, program: .idle, on: [.pod("node-1")], policy: "allow: [callee]\n"),
            Topology.Service(
                "callee", port: UInt16(table.serverPort), program: .command(server), on: [.pod(calleeNode)],
                policy: table.isHTTP ? Self.trafficPolicy : "allow: []\n"),
        ]
        if table.isHTTP { services[1].applicationProtocol = table.isHTTP2 ? "http2" : "http" }
        lab = try Lab.raise(Topology(nodes: nodes, services: services), name: isMeshed ? "bench" : "bench0")
        caller = lab.workload("caller")
        let callee = lab.workload("callee")
        daemons = isMeshed ? lab.nodes : []
        do {
            try Stage.makeRoomForShortConnections(in: caller.namespace)
            if isMeshed { try lab.startDaemons() }
            address = "\(table.isHTTP ? try Self.virtualAddress(of: "callee", in: lab) : callee.ipv4):\(callee.port)"
            for pid in lab.processes(of: callee) { try pin(pid, to: cores.server) }
            for pid in pids { try pin(pid, to: cores.proxy) }
        } catch {
            close()
            throw error
        }
    }

    /// What the other contenders do as well.
    private static let trafficPolicy = """
        allow: []
        balance: peak_ewma
        routes:
          - match: {headers: {x-tier: gold}}
            timeouts: {request: 1s}

        """

    /// Callers of a service by its name are balanced; those of an endpoint's address are not.
    private static func virtualAddress(of service: String, in lab: Lab) throws -> String {
        struct View: Decodable {
            let service: String
            let virtualAddresses: [String]
        }
        let result = try lab.control(lab.nodes[0], ["services", "-o", "json"])
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        let views = try decoder.decode([View].self, from: Data(result.output.utf8))
        guard let address = views.first(where: { $0.service == service })?.virtualAddresses.first(where: { !$0.contains(":") }) else {
            throw BenchFailure("\(service) has no virtual address")
        }
        return address
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
