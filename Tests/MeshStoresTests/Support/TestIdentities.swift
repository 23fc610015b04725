import Foundation
import MeshIdentity
import MeshRegistry
import MeshStores
import MeshTypes

/// An authority with identities of services, as a node has them.
struct TestIdentities: Sendable {
    static let trustDomain = "daarion.city"
    let scratch = Scratch()
    let store: IdentityStore

    /// - Parameter authority: the directory of another one's authority, to be shared.
    init(_ services: [String], authority: Scratch? = nil, lifetime: Duration = .seconds(3600)) async throws {
        let directory = (authority ?? scratch).path + "/ca"
        let ca = try EmbeddedCA.open(directory: directory, trustDomain: Self.trustDomain)
        store = IdentityStore(authority: ca, trustDomain: Self.trustDomain, lifetime: lifetime)
        await store.ensure(Set(services.map { .of($0) }))
    }
}

extension ServiceIdentity {
    static func of(_ service: String) -> ServiceIdentity { ServiceIdentity(namespace: "default", name: ServiceName(service)!) }
}

extension Node {
    static func of(_ name: String, _ address: String = "10.0.0.1") -> Node {
        Node(
            locality: Locality(region: "eu", zone: "a", node: name), tunnel: SocketAddress(ip: IPAddress(address)!, port: 15008))
    }
}

extension NodeAnnouncement {
    /// - Parameter endpoints: services by address.
    static func of(_ node: String, _ endpoints: [String: String], isDraining: Bool = false) -> NodeAnnouncement {
        NodeAnnouncement(
            node: .of(node),
            endpoints: endpoints.map { address, service in
                PublishedEndpoint(
                    service: .of(service), servicePort: 8081, applicationProtocol: .http, team: "core", address: SocketAddress(address)!,
                    version: "v1", weight: 3, isDraining: false)
            }, isDraining: isDraining)
    }
}
