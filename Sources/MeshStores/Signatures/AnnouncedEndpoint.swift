internal import Foundation
internal import MeshPolicy
internal import MeshRegistry
package import MeshTypes

/// What a node says of one of its endpoints: the platform's record form (R2.1) with one endpoint.
struct AnnouncedEndpoint: Codable, Equatable {
    struct Metadata: Codable, Equatable {
        var team: String?
        var version: String?
    }

    struct Address: Codable, Equatable {
        let address: String
        let port: Int
        let node: String
        let tunnel: String
        let weight: Int
        var draining: Bool?
    }

    let service: String
    let namespace: String
    /// Of the service's virtual addresses.
    let port: Int
    let `protocol`: String
    let metadata: Metadata
    let endpoint: Address

    init(_ published: PublishedEndpoint, on node: Node, isDraining: Bool) {
        service = published.service.name.label
        namespace = published.service.namespace
        port = Int(published.servicePort)
        `protocol` = published.applicationProtocol.rawValue
        metadata = Metadata(
            team: published.team.isEmpty ? nil : published.team, version: published.version.isEmpty ? nil : published.version)
        endpoint = Address(
            address: "\(published.address.ip)", port: Int(published.address.port), node: node.name, tunnel: "\(node.tunnel)",
            weight: published.weight, draining: published.isDraining || isDraining ? true : nil)
    }

    init(reading text: String) throws(AnnouncementRefusal) {
        do { self = try JSONDecoder().decode(Self.self, from: Data(text.utf8)) } catch { throw .malformed }
    }

    var text: String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        // Strings and numbers: nothing that could fail.
        return (try? encoder.encode(self)).map { String(decoding: $0, as: UTF8.self) } ?? ""
    }

    /// The record, if all of it makes sense and it says of itself what `place` says.
    func service(at place: InstancePlace, location: RuleLocation) throws(AnnouncementRefusal) -> RegistryRecords.Service {
        guard service == place.service.name.label, namespace == place.service.namespace, endpoint.node == place.node,
            let ip = IPAddress(endpoint.address), let port = UInt16(exactly: port), port > 0,
            let endpointPort = UInt16(exactly: endpoint.port), endpointPort > 0,
            "\(SocketAddress(ip: ip, port: endpointPort))" == place.address,
            let tunnel = SocketAddress(endpoint.tunnel), tunnel.port > 0,
            (1...Self.heaviest).contains(endpoint.weight), Self.isText(metadata.team), Self.isText(metadata.version)
        else { throw .malformed }
        let record = RegistryRecords.EndpointRecord(
            address: ip, port: endpointPort, node: endpoint.node, version: metadata.version ?? "", weight: endpoint.weight, tunnel: tunnel,
            isDraining: endpoint.draining ?? false, announcer: place.node, location: location)
        // A newer version's protocol is one that this one finds out by the first bytes.
        return RegistryRecords.Service(
            identity: place.service, port: port, applicationProtocol: ApplicationProtocol(rawValue: `protocol`) ?? .auto,
            team: metadata.team ?? "", version: metadata.version ?? "", endpoints: [record], isAnnounced: true, location: location)
    }

    /// As in the registry's documents.
    private static let heaviest = 10_000
    private static let longestText = 255

    private static func isText(_ text: String?) -> Bool {
        guard let text else { return true }
        return text.utf8.count <= longestText && !text.utf8.contains { $0 < 0x20 || $0 == 0x7f }
    }
}

/// Where an announced endpoint lies, in any store.
package struct InstancePlace: Hashable, Sendable, CustomStringConvertible {
    package let node: String
    package let service: ServiceIdentity
    /// `address:port`, IPv6 in brackets.
    package let address: String

    package init(node: String, service: ServiceIdentity, address: String) {
        self.node = node
        self.service = service
        self.address = address
    }

    package var description: String { "instances/\(node)/\(service.namespace)/\(service.name)/\(address)" }
}
