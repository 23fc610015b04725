import MeshPolicy
import MeshRegistry
import MeshTypes

/// Records in few words.
enum Records {
    static func place(_ text: String) -> RuleLocation { RuleLocation(file: text, line: 0, column: 0) }

    static func identity(_ name: String) -> ServiceIdentity { ServiceIdentity(namespace: "default", name: ServiceName(name)!) }

    static func node(
        _ name: String, _ address: String = "10.0.0.1", draining: Bool = false, announcer: String? = nil
    )
        -> RegistryRecords.NodeRecord
    {
        RegistryRecords.NodeRecord(
            node: Node(
                locality: Locality(region: "r", zone: "z", node: name), tunnel: SocketAddress(ip: IPAddress(address)!, port: 15008)),
            isDraining: draining, announcer: announcer, location: place("node:\(name)"))
    }

    static func endpoint(
        _ address: String, node: String? = "n1", tunnel: SocketAddress? = nil, draining: Bool = false, announcer: String? = nil
    )
        -> RegistryRecords.EndpointRecord
    {
        let socket = SocketAddress(address)!
        return RegistryRecords.EndpointRecord(
            address: socket.ip, port: socket.port, node: node, tunnel: tunnel, isDraining: draining, announcer: announcer,
            location: place("at:\(address)"))
    }

    static func service(
        _ name: String, port: UInt16 = 80, _ applicationProtocol: ApplicationProtocol = .auto,
        _ endpoints: [RegistryRecords.EndpointRecord] = [], announced: Bool = false, at location: String = "somewhere"
    ) -> RegistryRecords.Service {
        RegistryRecords.Service(
            identity: identity(name), port: port, applicationProtocol: applicationProtocol, endpoints: endpoints, isAnnounced: announced,
            location: place(location))
    }

    static func workload(_ service: String, _ cgroup: String, node: String = "n1") -> RegistryRecords.WorkloadRecord {
        RegistryRecords.WorkloadRecord(
            workload: Workload(service: identity(service), cgroup: cgroup, networkNamespace: nil, sharesNodeNamespace: false), node: node,
            location: place("cgroup:\(cgroup)"))
    }

    static func all(
        nodes: [RegistryRecords.NodeRecord] = [], services: [RegistryRecords.Service] = [],
        workloads: [RegistryRecords.WorkloadRecord] = []
    ) -> RegistryRecords {
        var records = RegistryRecords()
        records.nodes = nodes
        records.services = services
        records.workloads = workloads
        return records
    }

    /// 10 endpoints for each of `services`, over a hundred nodes.
    static func many(services: Int, prefix: String = "s") -> RegistryRecords {
        all(
            nodes: (0..<100).map { node("n\($0)", "10.255.0.\($0 + 1)") },
            services: (0..<services).map { index in
                service(
                    "\(prefix)\(index)", port: 80, .http,
                    (0..<10).map { endpoint("10.\(index / 250).\(index % 250).\($0 + 1):8080", node: "n\((index + $0) % 100)") })
            })
    }
}

extension RegistryMerge {
    func service(_ name: String) -> ServiceRecord? { state.service(Records.identity(name)) }
}
