internal import Foundation
package import MeshConfig
package import MeshTypes

/// The stable addresses that DNS answers with: one IPv4 and one IPv6 for each service.
///
/// An address is found by hashing the service's name, so that nodes mostly agree; what was assigned is kept in a file, so that it never
/// moves while the service exists. An address that a service gave up goes to another only when no never-used one is left.
package struct VirtualAddresses: Sendable {
    package private(set) var assigned: [ServiceIdentity: [IPAddress]] = [:]
    /// Why the file of earlier assignments was not used, if so.
    package private(set) var warning: String?
    private let file: String
    private let v4: IPNetwork
    private let v6: IPNetwork
    /// Position in the ranges by service, also of services that are gone.
    private var positions: [ServiceIdentity: UInt64] = [:]
    private var owners: [UInt64: ServiceIdentity] = [:]

    /// - Parameter file: read now, written on each new assignment.
    package init(file: String, v4: IPNetwork, v6: IPNetwork) {
        self.file = file
        self.v4 = v4
        self.v6 = v6
        load()
    }

    /// How many services fit: network and broadcast addresses are left out.
    package var capacity: UInt64 { (UInt64(1) << UInt64(32 - v4.prefix)) - 2 }

    /// Gives each of `services` its addresses; those of others are kept for them as long as there is room.
    package mutating func assign(_ services: [ServiceIdentity]) throws(VirtualAddressFailure) {
        let wanted = Set(services)
        assigned = assigned.filter { wanted.contains($0.key) }
        var isNew = false
        for service in services.sorted() where assigned[service] == nil {
            if positions[service] == nil { isNew = true }
            let position = try position(of: service, keeping: wanted)
            assigned[service] = [address(v4, position), address(v6, position)]
        }
        if isNew { try save() }
    }

    private mutating func position(
        of service: ServiceIdentity, keeping wanted: Set<ServiceIdentity>
    ) throws(VirtualAddressFailure) -> UInt64 {
        if let known = positions[service] { return known }
        if UInt64(owners.count) >= capacity { forgetGone(keeping: wanted) }
        guard UInt64(owners.count) < capacity else {
            throw VirtualAddressFailure(
                what: "the range \(v4) has no address left for \(service)", advice: "widen dns.virtual_v4 in the node's configuration")
        }
        var candidate = Self.hash(service) % capacity
        while owners[candidate + 1] != nil { candidate = (candidate + 1) % capacity }
        positions[service] = candidate + 1
        owners[candidate + 1] = service
        return candidate + 1
    }

    private mutating func forgetGone(keeping wanted: Set<ServiceIdentity>) {
        positions = positions.filter { wanted.contains($0.key) }
        owners = owners.filter { wanted.contains($0.value) }
    }

    private func address(_ network: IPNetwork, _ position: UInt64) -> IPAddress {
        IPAddress(high: network.address.high, low: network.address.low | position)
    }

    /// FNV-1a with a final mix: the same on every node and in every version.
    private static func hash(_ service: ServiceIdentity) -> UInt64 {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in service.description.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        hash ^= hash >> 32
        return hash &* 0x9e37_79b9_7f4a_7c15 >> 16
    }

    private struct Stored: Codable {
        let v4: String
        let v6: String
        let positions: [String: UInt64]
    }

    private mutating func load() {
        guard FileManager.default.fileExists(atPath: file) else { return }
        guard let data = FileManager.default.contents(atPath: file), let stored = try? JSONDecoder().decode(Stored.self, from: data) else {
            warning = "\(file) is damaged: addresses are assigned anew, programs that remember old ones must look them up again"
            return
        }
        guard stored.v4 == v4.description, stored.v6 == v6.description else {
            warning = "\(file) is of other ranges (\(stored.v4), \(stored.v6)): addresses are assigned anew"
            return
        }
        for (name, position) in stored.positions {
            let parts = name.split(separator: "/")
            guard parts.count == 2, let service = ServiceName(parts[1]), (1...capacity).contains(position), owners[position] == nil else {
                continue
            }
            let identity = ServiceIdentity(namespace: String(parts[0]), name: service)
            positions[identity] = position
            owners[position] = identity
        }
    }

    /// Atomic: a crash leaves the old file or the new one.
    private func save() throws(VirtualAddressFailure) {
        let names = Dictionary(uniqueKeysWithValues: positions.map { ($0.key.description, $0.value) })
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
        do {
            let data = try encoder.encode(Stored(v4: v4.description, v6: v6.description, positions: names))
            try data.write(to: URL(fileURLWithPath: file), options: .atomic)
        } catch {
            throw VirtualAddressFailure(
                what: "cannot write \(file): \(error.localizedDescription)",
                advice: "free space there; addresses may move at the next start")
        }
    }
}

/// Why services have no address, or keep theirs only until the daemon ends.
package struct VirtualAddressFailure: Error, Sendable, CustomStringConvertible {
    package let what: String
    package let advice: String

    package var description: String { "\(what); \(advice)" }
}
