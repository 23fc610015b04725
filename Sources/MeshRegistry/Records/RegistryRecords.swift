package import MeshPolicy
package import MeshTypes

/// Records as a source has them, before they are put together with those of others.
package struct RegistryRecords: Sendable, Equatable {
    package var nodes: [NodeRecord] = []
    package var services: [Service] = []
    package var workloads: [WorkloadRecord] = []

    package init() {}

    package var isEmpty: Bool { nodes.isEmpty && services.isEmpty && workloads.isEmpty }

    /// Of all kinds, endpoints included.
    package var count: Int { nodes.count + workloads.count + services.reduce(services.count) { $0 + $1.endpoints.count } }

    /// What operators say: services and nodes by name, and workloads by place. What nodes announce of themselves comes and goes with them.
    var declared: Set<String> {
        var names = Set<String>()
        for service in services where !service.isAnnounced { names.insert("service \(service.identity)") }
        for record in nodes where record.announcer == nil { names.insert("node \(record.node.name)") }
        for record in workloads { names.insert("workload \(record.node) \(record.workload.cgroup)") }
        return names
    }

    /// What the daemon of `node` delivers to: its endpoints, without those that have an HBONE peer of their own.
    func delivered(by node: String) -> RegistryRecords {
        var records = RegistryRecords()
        records.nodes = nodes.filter { $0.node.name == node }
        records.services = services.compactMap { service in
            var service = service
            service.endpoints.removeAll { $0.node != node || $0.tunnel != nil }
            return service.endpoints.isEmpty ? nil : service
        }
        return records
    }

    package mutating func append(_ other: RegistryRecords) {
        nodes += other.nodes
        services += other.services
        workloads += other.workloads
    }

    package struct NodeRecord: Sendable, Equatable {
        package let node: Node
        /// It is about to stop: none of its endpoints takes new calls, whichever source names them.
        package let isDraining: Bool
        /// The node itself, if this is what it announced (`NodeAnnouncement`).
        package let announcer: String?
        /// Where it stands: a file, or a place in a store such as `etcd:/myelin/nodes/n1` with line and column 0.
        package let location: RuleLocation

        package init(node: Node, isDraining: Bool = false, announcer: String? = nil, location: RuleLocation) {
            self.node = node
            self.isDraining = isDraining
            self.announcer = announcer
            self.location = location
        }
    }

    /// A service with what this source knows of its endpoints (R2.1).
    package struct Service: Sendable, Equatable {
        package let identity: ServiceIdentity
        /// Of its virtual addresses, and of endpoints that name none; 0 if the source only knows that it calls others.
        package let port: UInt16
        package let applicationProtocol: ApplicationProtocol
        package let team: String
        package let version: String
        /// Only operators' records say more than `registered`.
        package let hosting: HostingNodes
        package var endpoints: [EndpointRecord]
        /// Made of what nodes announced of its instances: nobody declared it.
        package let isAnnounced: Bool
        package let location: RuleLocation

        package init(
            identity: ServiceIdentity, port: UInt16, applicationProtocol: ApplicationProtocol = .auto, team: String = "",
            version: String = "", hosting: HostingNodes = .registered, endpoints: [EndpointRecord] = [], isAnnounced: Bool = false,
            location: RuleLocation
        ) {
            self.identity = identity
            self.port = port
            self.applicationProtocol = applicationProtocol
            self.team = team
            self.version = version
            self.hosting = hosting
            self.endpoints = endpoints
            self.isAnnounced = isAnnounced
            self.location = location
        }
    }

    package struct EndpointRecord: Sendable, Equatable {
        package let address: IPAddress
        package let port: UInt16?
        /// The name of the node that it runs on, whose daemon delivers to it; nil needs a `tunnel`.
        package let node: String?
        package let version: String?
        package let weight: Int
        /// Where its HBONE peer listens, if that is not its node's daemon.
        package let tunnel: SocketAddress?
        /// No new calls; those under way may end.
        package let isDraining: Bool
        /// The node that announced it (`NodeAnnouncement`), if one did: that node knows better than a store's copy and leaves it out.
        package let announcer: String?
        package let location: RuleLocation

        package init(
            address: IPAddress, port: UInt16?, node: String?, version: String? = nil, weight: Int = 1, tunnel: SocketAddress? = nil,
            isDraining: Bool = false, announcer: String? = nil, location: RuleLocation
        ) {
            self.address = address
            self.port = port
            self.node = node
            self.version = version
            self.weight = weight
            self.tunnel = tunnel
            self.isDraining = isDraining
            self.announcer = announcer
            self.location = location
        }
    }

    package struct WorkloadRecord: Sendable, Equatable {
        package let workload: Workload
        package let node: String
        package let location: RuleLocation

        package init(workload: Workload, node: String, location: RuleLocation) {
            self.workload = workload
            self.node = node
            self.location = location
        }
    }
}
