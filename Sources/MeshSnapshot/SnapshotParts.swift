package import MeshPolicy
package import MeshTLS
package import MeshTypes

/// A service as workers see it. A class: a worker looks at one for every request, and holding it costs one count, not one for each part.
package final class SnapshotService: Sendable {
    package let id: ServiceID
    package let identity: ServiceIdentity
    package let port: UInt16
    /// The stable addresses that DNS answers with: at most one IPv4 and one IPv6.
    package let virtualAddresses: [IPAddress]
    /// All endpoints, the nearest first (stable order within one distance).
    package let endpoints: [Endpoint]
    /// Endpoints that are about to go: nobody is sent to them any more, but calls that are on their way are delivered to those of this node.
    package let resting: [Endpoint]
    /// `endpoints[..<nearestCount]` share the smallest distance to this node.
    package let nearestCount: Int
    package let applicationProtocol: ApplicationProtocol
    package let traffic: TrafficRules

    package init(
        id: ServiceID, identity: ServiceIdentity, port: UInt16, virtualAddresses: [IPAddress], endpoints: [Endpoint],
        resting: [Endpoint] = [], from node: Node, applicationProtocol: ApplicationProtocol = .tcp, traffic: TrafficRules = TrafficRules()
    ) {
        self.resting = resting
        self.applicationProtocol = applicationProtocol
        self.traffic = traffic
        self.id = id
        self.identity = identity
        self.port = port
        self.virtualAddresses = virtualAddresses
        // Written out once for each endpoint: comparing would do it dozens of times.
        let sorted = endpoints.map { (distance: node.locality.distance(to: $0.locality), name: $0.address.description, endpoint: $0) }
            .sorted { ($0.distance, $0.name) < ($1.distance, $1.name) }.map(\.endpoint)
        self.endpoints = sorted
        guard let first = sorted.first else {
            nearestCount = 0
            return
        }
        let nearest = node.locality.distance(to: first.locality)
        nearestCount = sorted.prefix { node.locality.distance(to: $0.locality) == nearest }.count
    }
}

/// What a snapshot is built from.
package struct SnapshotParts {
    package var generation: UInt64
    package var node: Node
    package var trustDomain: String
    package var clusterDomain: String
    package var services: [SnapshotService] = []
    package var policy: PolicySet
    package var credentials: [ServiceID: TLSCredential] = [:]
    /// Peers that show one of these are refused.
    package var revoked = RevokedSerials.none
    package var deliveries: [SocketAddress: Snapshot.Delivery] = [:]
    /// Loopback addresses of services in the node's namespace.
    package var loopbackDestinations: [SocketAddress: Snapshot.Destination] = [:]

    package init(generation: UInt64, node: Node, trustDomain: String, clusterDomain: String, policy: PolicySet) {
        self.generation = generation
        self.node = node
        self.trustDomain = trustDomain
        self.clusterDomain = clusterDomain
        self.policy = policy
    }
}
