package import MeshPolicy
package import MeshRegistry
package import MeshSnapshot
package import MeshTLS
package import MeshTypes

/// Folds the registry, the policy, the certificates and the workloads of this node into a snapshot. Pure.
package struct SnapshotBuilder {
    package let node: Node
    package let trustDomain: String
    package let clusterDomain: String
    package let numbers: ServiceNumbers
    package var registry = RegistryState.empty
    package var policy: PolicySet
    package var credentials: [ServiceIdentity: TLSCredential] = [:]
    package var revoked = RevokedSerials.none
    package var workloads: [EnrolledWorkload] = []

    package init(node: Node, trustDomain: String, clusterDomain: String, numbers: ServiceNumbers, policy: PolicySet) {
        self.node = node
        self.trustDomain = trustDomain
        self.clusterDomain = clusterDomain
        self.numbers = numbers
        self.policy = policy
    }

    /// - Parameter addresses: the virtual addresses of each service, as they were assigned.
    package func build(generation: UInt64, addresses: [ServiceIdentity: [IPAddress]]) -> Snapshot {
        var parts = SnapshotParts(
            generation: generation, node: node, trustDomain: trustDomain, clusterDomain: clusterDomain, policy: policy)
        parts.revoked = revoked
        for record in registry.services {
            guard let id = numbers.number(of: record.identity) else { continue }
            let service = SnapshotService(
                id: id, identity: record.identity, port: record.port, virtualAddresses: addresses[record.identity] ?? [],
                endpoints: record.endpoints, resting: record.draining, from: node, applicationProtocol: record.applicationProtocol,
                traffic: policy.traffic(to: record.identity))
            parts.services.append(service)
            parts.credentials[id] = credentials[record.identity]
            addDeliveries(of: service, to: &parts)
        }
        return Snapshot(parts)
    }

    /// Endpoints of this node are delivered into the namespace of the workload that owns their address.
    private func addDeliveries(of service: SnapshotService, to parts: inout SnapshotParts) {
        for (index, endpoint) in (service.endpoints + service.resting).enumerated() where endpoint.locality.node == node.name {
            guard let owner = owner(of: endpoint, service: service.identity) else { continue }
            parts.deliveries[endpoint.address] = Snapshot.Delivery(
                service: service.id, namespace: owner.namespace, address: endpoint.address)
            guard owner.workload.sharesNodeNamespace, index < service.endpoints.count else { continue }
            for loopback in [IPAddress.v4Loopback, .v6Loopback] {
                let address = SocketAddress(ip: loopback, port: endpoint.address.port)
                parts.loopbackDestinations[address] = Snapshot.Destination(service: service.id, endpoint: index)
            }
        }
    }

    private func owner(of endpoint: Endpoint, service: ServiceIdentity) -> EnrolledWorkload? {
        workloads.first { $0.workload.service == service && $0.addresses.contains(endpoint.address.ip) }
    }
}
