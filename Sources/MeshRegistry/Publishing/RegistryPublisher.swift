package import MeshTypes

/// A store that other nodes read: what this node found out about itself is written there (R2.3).
package protocol RegistryPublisher: Sendable {
    var name: SourceName { get }

    /// Makes the store say of this node what `announcement` says, and nothing else; it takes the place of the one before. Returns when
    /// the store has it.
    ///
    /// What is written must be signed so that who may write into the store may not speak for a service, and must vanish by itself, by a lease or a
    /// session, when the node is gone.
    func publish(_ announcement: NodeAnnouncement) async throws(SourceFailure)

    /// Keeps leases alive until cancelled, and writes what was published last again when the store has lost it.
    func run() async
}

/// What becomes of a node's announcements when its daemon stops.
package enum Farewell: Sendable {
    /// They are taken back: nobody sends anything here any more.
    case withdraw
    /// They stay, for as long as their lease lasts: the next daemon is expected before that, and calls wait for it.
    case handOver
}

/// All that a node says of itself.
package struct NodeAnnouncement: Sendable, Equatable {
    package let node: Node
    package let endpoints: [PublishedEndpoint]
    /// The node is about to stop: none of its endpoints takes new calls.
    package let isDraining: Bool

    package init(node: Node, endpoints: [PublishedEndpoint], isDraining: Bool) {
        self.node = node
        self.endpoints = endpoints
        self.isDraining = isDraining
    }
}

extension NodeAnnouncement {
    /// - Parameter state: what this node found out by itself.
    init(_ state: RegistryState, of node: Node, isDraining: Bool) {
        let endpoints = state.services.flatMap { service in
            let all = service.endpoints.map { ($0, false) } + service.draining.map { ($0, true) }
            return all.filter { $0.0.locality.node == node.name }.map { endpoint, isDraining in
                PublishedEndpoint(
                    service: service.identity, servicePort: service.port, applicationProtocol: service.applicationProtocol,
                    team: service.team, address: endpoint.address, version: endpoint.version, weight: endpoint.weight,
                    isDraining: isDraining)
            }
        }
        self.init(node: node, endpoints: endpoints, isDraining: isDraining)
    }
}

/// An endpoint of this node, with what others must know of its service in case no other record names it.
package struct PublishedEndpoint: Sendable, Equatable {
    package let service: ServiceIdentity
    /// Of the service's virtual addresses.
    package let servicePort: UInt16
    package let applicationProtocol: ApplicationProtocol
    package let team: String
    package let address: SocketAddress
    package let version: String
    package let weight: Int
    package let isDraining: Bool

    package init(
        service: ServiceIdentity, servicePort: UInt16, applicationProtocol: ApplicationProtocol, team: String, address: SocketAddress,
        version: String, weight: Int, isDraining: Bool
    ) {
        self.service = service
        self.servicePort = servicePort
        self.applicationProtocol = applicationProtocol
        self.team = team
        self.address = address
        self.version = version
        self.weight = weight
        self.isDraining = isDraining
    }
}
