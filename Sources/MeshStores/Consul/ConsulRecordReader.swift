internal import Foundation
internal import MeshConfig
internal import MeshPolicy
internal import MeshRegistry
internal import MeshTypes

/// Reads what Consul knows of one instance of a service, or of one key.
struct ConsulRecordReader: Sendable {
    /// Nodes announce themselves as instances of this service.
    static let nodeService = "myelin-node"
    private static let heaviest = 10_000
    private static let defaultTunnelPort = 15008

    let prefix: String
    /// Of services that name none.
    let namespace: String
    let check: AnnouncementCheck

    /// An operator's record.
    func entry(_ value: ConsulValue) -> StoreCatalog.Entry {
        let place = "consul:" + StoreError.printable(value.key)
        let parts = value.key.dropFirst(prefix.count).split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 3, parts[0] == "services", let name = ServiceName(parts[2]) else {
            return Self.wrong(place, "is no record's key", "records lie at services/<namespace>/<service>")
        }
        let identity = ServiceIdentity(namespace: String(parts[1]), name: name)
        let bytes = value.value.flatMap { Data(base64Encoded: $0) }.map { Array($0) } ?? []
        do throws(DocumentErrors) {
            let records = try RecordDocument.read(bytes, place: place, namespace: namespace)
            guard records.nodes.isEmpty, records.workloads.isEmpty, records.services.map(\.identity) == [identity] else {
                return Self.wrong(place, "holds another record than the service \(identity)", "give it a key of its own")
            }
            return .records(records)
        } catch { return .dropped(.malformed, error) }
    }

    /// - Parameter now: seconds since the epoch.
    func entry(_ instance: ConsulInstance, now: Int64) -> StoreCatalog.Entry {
        let place = "consul:\(StoreError.printable(instance.node.name))/\(StoreError.printable(instance.service.id))"
        let location = RuleLocation(file: place, line: 0, column: 0)
        do throws(AnnouncementRefusal) {
            if let announcement = ConsulMetadata.announcement(instance.service.meta ?? [:]) {
                return instance.service.name == Self.nodeService
                    ? try node(announcement, instance, location) : try announced(announcement, instance, location, now: now)
            }
            guard check.signatures == .acceptUnsigned else { throw .unsigned }
            return try foreign(instance, location)
        } catch { return .dropped(error, error.errors(at: place)) }
    }

    private func node(
        _ announcement: SignedAnnouncement, _ instance: ConsulInstance, _ location: RuleLocation
    ) throws(AnnouncementRefusal) -> StoreCatalog.Entry {
        let announced = try AnnouncedNode(reading: announcement.record)
        let record = try announced.record(at: announced.name, location: location)
        var records = RegistryRecords()
        // One that fell silent is kept while its endpoints drain: they are on it.
        records.nodes = [
            RegistryRecords.NodeRecord(
                node: record.node, isDraining: record.isDraining || instance.health == .critical, announcer: record.announcer,
                location: location)
        ]
        return .records(records)
    }

    private func announced(
        _ announcement: SignedAnnouncement, _ instance: ConsulInstance, _ location: RuleLocation, now: Int64
    ) throws(AnnouncementRefusal) -> StoreCatalog.Entry {
        let record = try AnnouncedEndpoint(reading: announcement.record)
        guard let name = ServiceName(record.service), DNSLabel.isValid(record.namespace.utf8), instance.service.name == record.service,
            let ip = IPAddress(instance.service.address), let port = UInt16(exactly: instance.service.port)
        else { throw .malformed }
        let place = InstancePlace(
            node: record.endpoint.node, service: ServiceIdentity(namespace: record.namespace, name: name),
            address: "\(SocketAddress(ip: ip, port: port))")
        let found = try check.endpoint(announcement, at: place, location: location, now: now)
        return .endpoint(Self.drained(found.record, instance.health), found.validity)
    }

    /// What something else than a daemon registered.
    private func foreign(_ instance: ConsulInstance, _ location: RuleLocation) throws(AnnouncementRefusal) -> StoreCatalog.Entry {
        let service = instance.service
        let meta = service.meta ?? [:]
        let address = service.address.isEmpty ? instance.node.address : service.address
        guard let name = ServiceName(service.name), let ip = IPAddress(address), let port = UInt16(exactly: service.port), port > 0,
            let node = IPAddress(instance.node.address), let tunnelPort = UInt16(meta["tunnel_port"] ?? "\(Self.defaultTunnelPort)")
        else { throw .malformed }
        let namespace = meta["namespace"] ?? namespace
        guard DNSLabel.isValid(namespace.utf8) else { throw .malformed }
        let home = meta["node"] ?? instance.node.name
        let tunnel = meta["tunnel"].flatMap { SocketAddress($0) }
        let weight = instance.health == .warning ? service.weights?.warning : service.weights?.passing
        let endpoint = RegistryRecords.EndpointRecord(
            address: ip, port: port, node: tunnel == nil ? home : nil, version: meta["version"] ?? "",
            weight: min(Self.heaviest, max(1, weight ?? 1)), tunnel: tunnel, isDraining: instance.health == .critical, location: location)
        var records = RegistryRecords()
        records.services = [
            RegistryRecords.Service(
                identity: ServiceIdentity(namespace: namespace, name: name), port: meta["service_port"].flatMap { UInt16($0) } ?? port,
                applicationProtocol: meta["protocol"].flatMap { ApplicationProtocol(rawValue: $0) } ?? .auto, team: meta["team"] ?? "",
                version: meta["version"] ?? "", endpoints: [endpoint], location: location)
        ]
        guard tunnel == nil else { return .foreign(records) }
        let place = instance.node.meta ?? [:]
        let locality = Locality(
            region: meta["region"] ?? place["region"] ?? "", zone: meta["zone"] ?? place["zone"] ?? "", node: home)
        records.nodes = [
            RegistryRecords.NodeRecord(
                node: Node(locality: locality, tunnel: SocketAddress(ip: node, port: tunnelPort)), location: location)
        ]
        return .foreign(records)
    }

    /// Nobody calls what is critical; what it is doing may end.
    private static func drained(_ service: RegistryRecords.Service, _ health: ConsulInstance.Health) -> RegistryRecords.Service {
        guard health == .critical else { return service }
        var service = service
        service.endpoints = service.endpoints.map { endpoint in
            RegistryRecords.EndpointRecord(
                address: endpoint.address, port: endpoint.port, node: endpoint.node, version: endpoint.version, weight: endpoint.weight,
                tunnel: endpoint.tunnel, isDraining: true, announcer: endpoint.announcer, location: endpoint.location)
        }
        return service
    }

    private static func wrong(_ place: String, _ message: String, _ suggestion: String) -> StoreCatalog.Entry {
        .dropped(.malformed, DocumentErrors([DocumentError(file: place, message: message, suggestion: suggestion)]))
    }
}
