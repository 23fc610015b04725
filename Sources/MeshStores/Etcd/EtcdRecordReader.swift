internal import Foundation
internal import MeshConfig
internal import MeshPolicy
internal import MeshRegistry
internal import MeshTypes

/// Reads the value of one key.
struct EtcdRecordReader: Sendable {
    let keys: EtcdKeys
    /// Of services that name none.
    let namespace: String
    let check: AnnouncementCheck

    /// - Parameter now: seconds since the epoch.
    func entry(_ key: String, _ value: [UInt8], now: Int64) -> StoreCatalog.Entry {
        let place = "etcd:" + StoreError.printable(key)
        do throws(AnnouncementRefusal) {
            switch keys.place(of: key) {
            case .node(let name): return try node(name, value, place)
            case .service(let identity): return service(identity, value, place)
            case .instance(let instance):
                let location = RuleLocation(file: place, line: 0, column: 0)
                let found = try check.endpoint(try SignedAnnouncement(reading: value), at: instance, location: location, now: now)
                return .endpoint(found.record, found.validity)
            case nil:
                return Self.wrong(
                    place, "is no record's key",
                    "records lie at nodes/<node>, services/<namespace>/<service> and instances/<node>/<namespace>/<service>/<address>")
            }
        } catch { return .dropped(error, error.errors(at: place)) }
    }

    /// Those of many keys, in their order. Signatures make them slow to read: several processors share them, and leave others to the traffic.
    func entries(_ values: [EtcdValue], now: Int64) async -> [(key: String, entry: StoreCatalog.Entry)] {
        let shares = min(Self.readers, values.count / Self.fewest)
        guard shares > 1 else { return values.map { entry($0, now: now) } }
        let size = (values.count + shares - 1) / shares
        return await withTaskGroup(of: (Int, [(key: String, entry: StoreCatalog.Entry)]).self) { group in
            for share in 0..<shares {
                let part = values[min(share * size, values.count)..<min((share + 1) * size, values.count)]
                group.addTask { (share, part.map { entry($0, now: now) }) }
            }
            var parts = [[(key: String, entry: StoreCatalog.Entry)]](repeating: [], count: shares)
            for await (share, entries) in group { parts[share] = entries }
            return parts.flatMap(\.self)
        }
    }

    private static let readers = max(2, ProcessInfo.processInfo.activeProcessorCount / 2)
    /// So few are not worth a task of their own.
    private static let fewest = 16

    private func entry(_ value: EtcdValue, now: Int64) -> (key: String, entry: StoreCatalog.Entry) {
        let key = String(decoding: value.key, as: UTF8.self)
        return (key, entry(key, value.value, now: now))
    }

    private func node(_ name: String, _ value: [UInt8], _ place: String) throws(AnnouncementRefusal) -> StoreCatalog.Entry {
        guard let announcement = try? SignedAnnouncement(reading: value) else {
            return operators(value, place) { records in
                // No workloads: the node may write here itself, and must not place services on itself.
                records.services.isEmpty && records.workloads.isEmpty && records.nodes.count == 1 && records.nodes[0].node.name == name
                    ? nil : "holds another record than the node \(name)"
            }
        }
        var records = RegistryRecords()
        records.nodes = [
            try AnnouncedNode(reading: announcement.record).record(at: name, location: RuleLocation(file: place, line: 0, column: 0))
        ]
        return .records(records)
    }

    private func service(_ identity: ServiceIdentity, _ value: [UInt8], _ place: String) -> StoreCatalog.Entry {
        operators(value, place) { records in
            records.nodes.isEmpty && records.workloads.isEmpty && records.services.count == 1
                && records.services[0].identity == identity ? nil : "holds another record than the service \(identity)"
        }
    }

    /// What an operator wrote, in the form of the files. - Parameter objection: to what it says, at this place.
    private func operators(
        _ value: [UInt8], _ place: String, objection: (RegistryRecords) -> String?
    ) -> StoreCatalog.Entry {
        do throws(DocumentErrors) {
            let records = try RecordDocument.read(value, place: place, namespace: namespace)
            guard let what = objection(records) else { return .records(records) }
            return Self.wrong(place, what, "give it a key of its own")
        } catch { return .dropped(.malformed, error) }
    }

    private static func wrong(_ place: String, _ message: String, _ suggestion: String) -> StoreCatalog.Entry {
        .dropped(.malformed, DocumentErrors([DocumentError(file: place, message: message, suggestion: suggestion)]))
    }
}
