package import MeshPolicy
package import MeshTypes

/// What the registry says: machines, services with their endpoints, and which process groups are which service. Consistent in itself.
package struct RegistryState: Sendable, Equatable {
    /// By name.
    package internal(set) var nodes: [String: Node] = [:]
    /// In order of identity.
    package internal(set) var services: [ServiceRecord] = []
    /// By the node's name.
    package internal(set) var workloads: [String: [Workload]] = [:]

    package static let empty = RegistryState()

    package func workloads(of node: String) -> [Workload] { workloads[node] ?? [] }

    package func service(_ identity: ServiceIdentity) -> ServiceRecord? {
        var range = services.indices
        while !range.isEmpty {
            let middle = range.lowerBound + range.count / 2
            let found = services[middle]
            if found.identity == identity { return found }
            range = found.identity < identity ? middle + 1..<range.upperBound : range.lowerBound..<middle
        }
        return nil
    }

    /// The registry places the service on the node: a workload is registered there, or an operator says that one may be (R1.5).
    package func places(_ service: ServiceIdentity, on node: String) -> Bool {
        workloads(of: node).contains { $0.service == service } || self.service(service)?.hosting.contains(node) == true
    }

    /// Requests to the service are, or may be, seen one by one.
    package func mayBeHTTP(_ identity: ServiceIdentity) -> Bool { service(identity)?.applicationProtocol.mayBeHTTP ?? false }
}

/// A service (R2.1).
package struct ServiceRecord: Sendable, Hashable {
    package let identity: ServiceIdentity
    /// The port of its virtual addresses, and of endpoints that name none.
    package let port: UInt16
    package let applicationProtocol: ApplicationProtocol
    package let team: String
    package let version: String
    package internal(set) var hosting: HostingNodes
    /// Those that take new calls.
    package internal(set) var endpoints: [Endpoint] = []
    /// Those that only end what they have.
    package internal(set) var draining: [Endpoint] = []
    package let location: RuleLocation

    /// Nobody calls it, as far as is known.
    private static let unknownPort: UInt16 = 80

    init(_ record: RegistryRecords.Service) {
        identity = record.identity
        port = record.port > 0 ? record.port : Self.unknownPort
        applicationProtocol = record.applicationProtocol
        team = record.team
        version = record.version
        hosting = record.hosting
        location = record.location
        endpoints.reserveCapacity(record.endpoints.count)
    }
}
