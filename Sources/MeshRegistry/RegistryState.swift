package import MeshPolicy
package import MeshTypes

/// What the registry says: machines, services with their endpoints, and which process groups are which service. Consistent in itself.
package struct RegistryState: Sendable {
    /// By name.
    package internal(set) var nodes: [String: Node] = [:]
    /// In order of identity.
    package internal(set) var services: [ServiceRecord] = []
    /// By the node's name.
    package internal(set) var workloads: [String: [Workload]] = [:]

    package static let empty = RegistryState()

    package func workloads(of node: String) -> [Workload] { workloads[node] ?? [] }

    package func service(_ identity: ServiceIdentity) -> ServiceRecord? { services.first { $0.identity == identity } }

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
    package internal(set) var endpoints: [Endpoint]
    package let location: RuleLocation
}
