internal import Foundation
internal import MeshPolicy
internal import MeshRegistry
internal import MeshTypes

/// What a node says of itself: where its daemon takes tunnels. Endpoints bear the tunnel's address themselves, signed; so this decides on
/// nothing but distance.
struct AnnouncedNode: Codable, Equatable {
    let name: String
    let address: String
    let port: Int
    var zone: String?
    var region: String?
    var draining: Bool?

    private enum CodingKeys: String, CodingKey {
        case name, address, zone, region, draining
        case port = "tunnel_port"
    }

    init(_ announcement: NodeAnnouncement) {
        let node = announcement.node
        name = node.name
        address = "\(node.tunnel.ip)"
        port = Int(node.tunnel.port)
        zone = node.locality.zone.isEmpty ? nil : node.locality.zone
        region = node.locality.region.isEmpty ? nil : node.locality.region
        draining = announcement.isDraining ? true : nil
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

    func record(at place: String, location: RuleLocation) throws(AnnouncementRefusal) -> RegistryRecords.NodeRecord {
        guard name == place, let ip = IPAddress(address), let port = UInt16(exactly: port), port > 0, isText(zone), isText(region) else {
            throw .malformed
        }
        let locality = Locality(region: region ?? "", zone: zone ?? "", node: name)
        return RegistryRecords.NodeRecord(
            node: Node(locality: locality, tunnel: SocketAddress(ip: ip, port: port)), isDraining: draining ?? false, announcer: name,
            location: location)
    }

    private func isText(_ text: String?) -> Bool {
        guard let text else { return true }
        return text.utf8.count <= Self.longestText && !text.utf8.contains { $0 < 0x20 || $0 == 0x7f }
    }

    /// As in the registry's documents.
    private static let longestText = 255
}
