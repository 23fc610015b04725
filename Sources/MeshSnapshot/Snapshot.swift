package import MeshPolicy
package import MeshTLS
package import MeshTypes

/// Everything that workers decide by: built by control, immutable, replaced as a whole.
///
/// The only contract between control and data plane. Workers adopt a new one between events; a flow keeps the decision it was
/// made with.
package final class Snapshot: Sendable {
    package let generation: UInt64
    package let node: Node
    package let trustDomain: String
    package let clusterDomain: String
    /// Indexed by `ServiceID.rawValue`; nil where a number is unused (0 always is).
    private let services: [SnapshotService?]
    private let identifiers: [ServiceIdentity: ServiceID]
    private let destinations: [SocketAddress: Destination]
    private let virtualAddresses: [IPAddress: ServiceID]
    private let policy: PolicySet
    /// The credentials of services that run on this node, by service.
    private let credentials: [ServiceID: TLSCredential]
    /// What the tunnel listener picks by SNI; nil while the node hosts nothing.
    package let serverCredentials: TLSServerCredentials?
    /// Certificates that peers must not show any more.
    package let revoked: RevokedSerials
    /// Endpoints on this node: where each is delivered.
    private let deliveries: [SocketAddress: Delivery]
    /// Loopback addresses of services that share the node's namespace.
    package let loopbackDestinations: [SocketAddress: Destination]

    package init(_ parts: SnapshotParts) {
        generation = parts.generation
        node = parts.node
        trustDomain = parts.trustDomain
        clusterDomain = parts.clusterDomain
        var services: [SnapshotService?] = []
        var identifiers: [ServiceIdentity: ServiceID] = [:]
        var destinations: [SocketAddress: Destination] = [:]
        var virtualAddresses: [IPAddress: ServiceID] = [:]
        for service in parts.services {
            let index = Int(service.id.rawValue)
            while services.count <= index { services.append(nil) }
            services[index] = service
            identifiers[service.identity] = service.id
            for address in service.virtualAddresses {
                virtualAddresses[address] = service.id
                destinations[SocketAddress(ip: address, port: service.port)] = Destination(service: service.id, endpoint: nil)
            }
            for (index, endpoint) in service.endpoints.enumerated() {
                destinations[endpoint.address] = Destination(service: service.id, endpoint: index)
            }
        }
        self.services = services
        self.identifiers = identifiers
        self.destinations = destinations.merging(parts.loopbackDestinations) { kept, _ in kept }
        loopbackDestinations = parts.loopbackDestinations
        self.virtualAddresses = virtualAddresses
        policy = parts.policy
        credentials = parts.credentials
        revoked = parts.revoked
        var names: [String: TLSCredential] = [:]
        for credential in parts.credentials.values { names[credential.identity.service.serverName] = credential }
        serverCredentials = names.isEmpty ? nil : TLSServerCredentials(names)
        deliveries = parts.deliveries
    }

    /// What a workload that dials `address` means; nil for anything outside the mesh.
    package func destination(_ address: SocketAddress) -> Destination? { destinations[address] }

    package func service(_ id: ServiceID) -> SnapshotService? {
        let index = Int(id.rawValue)
        return index < services.count ? services[index] : nil
    }

    package func identifier(_ identity: ServiceIdentity) -> ServiceID? { identifiers[identity] }

    /// Which service a virtual address stands for, whatever the port.
    package func service(virtualAddress: IPAddress) -> ServiceID? { virtualAddresses[virtualAddress] }

    package var allServices: [SnapshotService] { services.compactMap(\.self) }

    package func credential(_ id: ServiceID) -> TLSCredential? { credentials[id] }

    /// Where an endpoint of this node is delivered; nil if it is not one of this node's.
    package func delivery(_ endpoint: SocketAddress) -> Delivery? { deliveries[endpoint] }

    /// Policy between two services. Unknown numbers are refused, and so is a connection of which only some requests are permitted when the
    /// destination's requests cannot be told apart.
    package func decide(source: ServiceID, destination: ServiceID) -> PolicyDecision {
        guard let from = service(source), let to = service(destination) else {
            return PolicyDecision(reason: .unknownWorkload, rule: nil)
        }
        let decision = policy.decide(source: from.identity, destination: to.identity)
        guard decision.permitted, !to.applicationProtocol.mayBeHTTP, let operations = decision.operations else { return decision }
        return PolicyDecision(reason: operations.allowed == nil ? .denied : .notAllowed, rule: operations.rule)
    }

    /// The names outside the mesh that a service's workloads may ask for.
    package func foreignNames(of id: ServiceID) -> [ForeignName] { service(id).map { policy.foreignNames(of: $0.identity) } ?? [] }

    /// What an address means: a service, and the endpoint if exactly one was named.
    package struct Destination: Sendable {
        package let service: ServiceID
        /// Index into the service's `endpoints`.
        package let endpoint: Int?

        package init(service: ServiceID, endpoint: Int?) {
            self.service = service
            self.endpoint = endpoint
        }
    }

    /// How to reach an endpoint of this node.
    package struct Delivery: Sendable {
        package let service: ServiceID
        package let namespace: NamespaceIndex
        /// The address inside the namespace.
        package let address: SocketAddress

        package init(service: ServiceID, namespace: NamespaceIndex, address: SocketAddress) {
            self.service = service
            self.namespace = namespace
            self.address = address
        }
    }
}
