internal import Foundation
package import MeshRegistry
package import MeshTypes

/// Registers with a Consul agent, each record as a service with a check that has to be passed again and again: when the node falls silent, it
/// turns critical.
actor ConsulOutlet: StoreOutlet {
    /// A check is passed so many times while it would last.
    private static let beatsPerLease = 3

    let name: SourceName
    let beat: Duration
    private let options: ConsulOptions
    private var client: ConsulClient?
    /// Identifiers of what this daemon registered.
    private var registered: Set<String> = []

    init(_ options: ConsulOptions, name: SourceName) {
        self.name = name
        self.options = options
        beat = options.lease / Self.beatsPerLease
    }

    nonisolated func key(of slot: StoreSlot) -> String {
        switch slot {
        case .node(let name): Self.prefix(of: name) + "node"
        case .endpoint(let place):
            Self.prefix(of: place.node) + "\(place.service.namespace):\(place.service.name):\(place.address)"
        }
    }

    private static func prefix(of node: String) -> String { "myelin:\(node):" }

    func keep(isDue: Bool) async throws(StoreError) -> Bool {
        let client = try connection()
        guard isDue else { return true }
        for id in registered.sorted() {
            guard try await !client.pass(Self.check(of: id)) else { continue }
            // The agent forgot it: perhaps it began anew, and forgot all.
            registered = []
            return false
        }
        return true
    }

    func keys(of node: String) async throws(StoreError) -> Set<String> {
        Set(try await connection().ownServices().filter { $0.hasPrefix(Self.prefix(of: node)) })
    }

    func write(_ writes: [StoreWrite]) async throws(StoreError) -> Bool {
        let client = try connection()
        for write in writes {
            switch write {
            case .delete(let id):
                try await client.deregister(id)
                registered.remove(id)
            case .put(let id, let slot, let announcement):
                try await client.register(try registration(id, slot, announcement))
                registered.insert(id)
            }
        }
        return true
    }

    private func registration(
        _ id: String, _ slot: StoreSlot, _ announcement: SignedAnnouncement
    ) throws(StoreError) -> ConsulRegistration {
        let check = ConsulRegistration.Check(id: Self.check(of: id), ttl: options.lease.goDuration)
        var meta = ConsulMetadata.pairs(announcement)
        do throws(AnnouncementRefusal) {
            switch slot {
            case .node:
                let node = try AnnouncedNode(reading: announcement.record)
                meta["node"] = node.name
                return ConsulRegistration(
                    id: id, name: ConsulRecordReader.nodeService, address: node.address, port: node.port, tags: tags, meta: meta,
                    check: check)
            case .endpoint:
                let record = try AnnouncedEndpoint(reading: announcement.record)
                meta["node"] = record.endpoint.node
                meta["namespace"] = record.namespace
                meta["protocol"] = record.protocol
                meta["version"] = record.metadata.version
                return ConsulRegistration(
                    id: id, name: record.service, address: record.endpoint.address, port: record.endpoint.port, tags: tags, meta: meta,
                    check: check)
            }
        } catch { throw .malformed("a record of this node's own") }
    }

    private var tags: [String] { options.tag.map { [$0] } ?? [] }

    private static func check(of id: String) -> String { id + ":alive" }

    func disconnect(after error: StoreError) async -> SourceFailure {
        await client?.close()
        client = nil
        return error.failure(of: options.place, access: ConsulOptions.accessAdvice)
    }

    func withdraw() async throws(StoreError) {
        while let id = registered.popFirst() { try await connection().deregister(id) }
    }

    func close() async {
        await client?.close()
        client = nil
    }

    private func connection() throws(StoreError) -> ConsulClient {
        if let client { return client }
        let new = try ConsulClient(options)
        client = new
        return new
    }
}

extension Duration {
    /// As Consul reads it.
    fileprivate var goDuration: String { "\(max(1, Int64(self / .milliseconds(1))))ms" }
}

extension StorePublisher {
    /// Into a Consul agent's services. - Parameter clock: seconds since the epoch.
    package init(
        consul options: ConsulOptions, name: SourceName = SourceName(.consul), keys: any AnnouncementKeys,
        farewell: Farewell = .withdraw, clock: @escaping @Sendable () -> Int64 = { Int64(Date().timeIntervalSince1970) }
    ) {
        self.init(ConsulOutlet(options, name: name), keys: keys, farewell: farewell, clock: clock)
    }
}
