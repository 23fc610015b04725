import ArgumentParser
import Foundation
import MeshIdentity
import MeshRegistry
import MeshStores
import MeshTypes

/// Many nodes' daemons, as far as a store sees them: each announces its instances, signed with certificates of the services, until it is ended.
struct AnnounceCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "announce", abstract: "Announces instances in etcd as many nodes would.", shouldDisplay: false)
    private static let instancesPerService = 10
    private static let lease = Duration.seconds(60)

    @Option var server: String
    @Option(help: "The directory of the authority.") var authority: String
    @Option var trustDomain: String
    @Option var nodes: Int
    @Option(help: "Each has ten instances, each on another node.") var services: Int

    func run() {
        let settings = self
        Task.detached {
            do { try await settings.announce() } catch { Self.say("failed \(error)") }
        }
        while true { sleep(3600) }
    }

    private func announce() async throws {
        let identities = IdentityStore(
            authority: try EmbeddedCA.open(directory: authority, trustDomain: trustDomain), trustDomain: trustDomain,
            lifetime: .seconds(24 * 3600))
        await identities.ensure(Set((0..<services).map(Self.identity)))
        var options = EtcdOptions(servers: [server])
        options.lease = Self.lease
        let publishers = (0..<nodes).map { _ in StorePublisher(etcd: options, keys: identities) }
        for publisher in publishers { Task.detached { await publisher.run() } }
        Self.say("began \(Date().timeIntervalSince1970)")
        try await withThrowingTaskGroup { group in
            for (number, publisher) in publishers.enumerated() {
                group.addTask { try await publisher.publish(announcement(of: number)) }
            }
            try await group.waitForAll()
        }
        Self.say("written \(Date().timeIntervalSince1970)")
    }

    /// At once: who started this program reads it as it goes on.
    private static func say(_ line: String) { FileHandle.standardOutput.write(Data((line + "\n").utf8)) }

    private static func identity(_ service: Int) -> ServiceIdentity {
        ServiceIdentity(namespace: "default", name: ServiceName("service-\(service)")!)
    }

    private func announcement(of number: Int) -> NodeAnnouncement {
        let address = SocketAddress(ip: IPAddress("10.88.200.\(number + 1)")!, port: 15008)
        let node = Node(locality: Locality(region: "region", zone: "zone-a", node: "far-\(number)"), tunnel: address)
        var endpoints: [PublishedEndpoint] = []
        for service in 0..<services {
            for instance in 0..<Self.instancesPerService where (service + instance) % nodes == number {
                endpoints.append(
                    PublishedEndpoint(
                        service: Self.identity(service), servicePort: 8080, applicationProtocol: .http, team: "",
                        address: SocketAddress(ip: IPAddress("10.\(100 + instance).\(service / 250).\(service % 250 + 1)")!, port: 8080),
                        version: "v1", weight: 1, isDraining: false))
            }
        }
        return NodeAnnouncement(node: node, endpoints: endpoints, isDraining: false)
    }
}
