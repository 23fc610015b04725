internal import MeshSystem

/// Where everything of a laboratory lies: a function of its name and topology only, so that a later process finds it again.
package struct LabPlan: Sendable {
    package let name: String
    package let topology: Topology
    package let nodes: [LabNode]
    package let workloads: [Workload]

    init(name: String, topology: Topology) throws(LabError) {
        try topology.check()
        self.name = name
        self.topology = topology
        let places = try LabPlaces(name)
        nodes = topology.nodes.enumerated().map { position, node in
            LabNode(
                name: node.name, zone: node.zone, region: node.region, number: position + 1, namespace: places.prefix + node.name,
                directory: places.directory + "/" + node.name, cgroup: places.cgroup + "/" + node.name,
                pins: places.pins + "/" + node.name, workers: node.workers, direct: node.direct, unknown: node.unknown, closed: node.closed,
                logsAccess: node.logsAccess, names: node.names, agent: node.agent, registry: node.registry,
                extraConfiguration: node.extraConfiguration)
        }
        var pods: [String: Int] = [:]
        var found: [Workload] = []
        for service in topology.services {
            for (index, instance) in service.instances.enumerated() {
                let node = nodes.first { $0.name == instance.node }!
                let isHost = instance.placement == .host
                let last = isHost ? 1 : 10 + pods[node.name, default: 0]
                if !isHost { pods[node.name, default: 0] += 1 }
                found.append(
                    Workload(
                        service: service.name, index: index, node: node.name, isHost: isHost, port: service.port,
                        namespace: isHost ? node.namespace : "\(node.namespace)-\(service.name)-\(index)",
                        cgroup: "\(node.cgroup)/workloads/\(service.name)-\(index)", ipv4: "10.88.\(node.number).\(last)",
                        ipv6: "fd88:\(node.number)::\(last)", version: instance.version ?? service.version))
            }
        }
        workloads = found
    }

    /// The nodes that carry an authority which is served.
    package var authorities: [LabNode] {
        topology.authority.isServed ? Array(nodes.prefix(max(1, topology.authority.intermediates.count))) : []
    }

    func node(_ name: String) -> LabNode { nodes.first { $0.name == name }! }
    func service(_ name: String) -> Topology.Service { topology.services.first { $0.name == name }! }
}

/// The names that belong to one laboratory: nothing else is ever touched.
struct LabPlaces: Sendable {
    static let runRoot = "/run/myelin-lab"
    static let pinRoot = "/sys/fs/bpf/myelin-lab"
    static let maximumName = 12

    let name: String
    /// cgroup v2 directory.
    let cgroup: String

    /// - Parameter name: lower-case letters and digits only, so that no laboratory's prefix is another's.
    init(_ name: String) throws(LabError) {
        let fits = name.utf8.allSatisfy { (97...122).contains($0) || (48...57).contains($0) }
        guard fits, !name.isEmpty, name.utf8.count <= Self.maximumName else {
            throw LabError("\"\(name)\" cannot name a laboratory", "1 to \(Self.maximumName) lower-case letters and digits")
        }
        self.name = name
        cgroup = try Self.cgroupRoot() + "/" + name
    }

    static func cgroupRoot() throws(LabError) -> String {
        guard let mount = ControlGroup.mountPoint() else {
            throw LabError("no cgroup v2 is mounted", "mount -t cgroup2 none /sys/fs/cgroup")
        }
        return mount + "/myelin-lab"
    }

    /// What the names of its network namespaces begin with.
    var prefix: String { "myl-\(name)-" }
    /// The namespace of the bridge that joins the nodes.
    var wire: String { prefix + "wire" }
    var directory: String { Self.runRoot + "/" + name }
    var pins: String { Self.pinRoot + "/" + name }
    /// For what the laboratory itself runs: packet capture, probes. No node captures it.
    var tools: String { cgroup + "/tools" }
    /// Programs of machines without a mesh.
    var unmeshed: String { cgroup + "/unmeshed" }
    var description: String { directory + "/lab.json" }
}

extension Topology.Service {
    /// Whether its program listens on its port.
    var listens: Bool {
        switch program {
        case .nginx, .python, .steerable, .command: true
        case .idle: false
        }
    }
}
