internal import Foundation
internal import MeshPolicy
internal import MeshTypes

/// Records as they lie in the state directory: text that a person can read, in the words of the files.
struct StoredRecords: Codable {
    /// Another one is not read: the daemon that wrote it knew more or less than this one.
    static let currentFormat = 1

    let format: Int
    let source: String
    let said: Date
    let nodes: [StoredNode]
    let services: [StoredService]
    let workloads: [StoredWorkload]

    struct StoredNode: Codable {
        let name, zone, region, tunnel: String
        let draining: Bool?
        let announcer: String?
        let place: StoredPlace
    }

    struct StoredService: Codable {
        let namespace, service, proto, team, version: String
        let port: UInt16
        /// nil for none; `*` alone for any.
        let nodes: [String]?
        let endpoints: [StoredEndpoint]
        let announced: Bool?
        let place: StoredPlace
    }

    struct StoredEndpoint: Codable {
        let address: String
        let port: UInt16?
        let node, version, tunnel, announcer: String?
        let weight: Int
        let draining: Bool?
        let place: StoredPlace
    }

    struct StoredWorkload: Codable {
        let namespace, service, node, cgroup: String
        let netns: String?
        let host: Bool?
        let place: StoredPlace
    }

    struct StoredPlace: Codable {
        let file: String
        let line, column: Int?

        init(_ location: RuleLocation) {
            file = location.file
            line = location.line > 0 ? location.line : nil
            column = location.line > 0 ? location.column : nil
        }

        var location: RuleLocation { RuleLocation(file: file, line: line ?? 0, column: column ?? 0) }
    }

    init(_ records: RegistryRecords, source: SourceName, said: Date) {
        format = Self.currentFormat
        self.source = source.description
        self.said = said
        nodes = records.nodes.map { record in
            StoredNode(
                name: record.node.name, zone: record.node.locality.zone, region: record.node.locality.region,
                tunnel: record.node.tunnel.description, draining: record.isDraining ? true : nil, announcer: record.announcer,
                place: StoredPlace(record.location))
        }
        services = records.services.map { service in
            StoredService(
                namespace: service.identity.namespace, service: service.identity.name.label, proto: service.applicationProtocol.rawValue,
                team: service.team, version: service.version, port: service.port, nodes: service.hosting.stored,
                endpoints: service.endpoints.map(StoredEndpoint.init), announced: service.isAnnounced ? true : nil,
                place: StoredPlace(service.location))
        }
        workloads = records.workloads.map { record in
            StoredWorkload(
                namespace: record.workload.service.namespace, service: record.workload.service.name.label, node: record.node,
                cgroup: record.workload.cgroup, netns: record.workload.networkNamespace,
                host: record.workload.sharesNodeNamespace ? true : nil, place: StoredPlace(record.location))
        }
    }

    /// nil when something in it cannot be read: then none of it is used.
    var records: RegistryRecords? {
        var records = RegistryRecords()
        for stored in nodes {
            guard let tunnel = SocketAddress(stored.tunnel) else { return nil }
            let node = Node(locality: Locality(region: stored.region, zone: stored.zone, node: stored.name), tunnel: tunnel)
            records.nodes.append(
                RegistryRecords.NodeRecord(
                    node: node, isDraining: stored.draining ?? false, announcer: stored.announcer, location: stored.place.location))
        }
        for stored in services {
            guard let service = stored.record else { return nil }
            records.services.append(service)
        }
        for stored in workloads {
            guard let name = ServiceName(stored.service) else { return nil }
            let workload = Workload(
                service: ServiceIdentity(namespace: stored.namespace, name: name), cgroup: stored.cgroup, networkNamespace: stored.netns,
                sharesNodeNamespace: stored.host ?? false)
            records.workloads.append(
                RegistryRecords.WorkloadRecord(workload: workload, node: stored.node, location: stored.place.location))
        }
        return records
    }
}

extension StoredRecords.StoredService {
    fileprivate var record: RegistryRecords.Service? {
        guard let name = ServiceName(service), let applicationProtocol = ApplicationProtocol(rawValue: proto) else { return nil }
        let known = endpoints.compactMap(\.record)
        guard known.count == endpoints.count else { return nil }
        return RegistryRecords.Service(
            identity: ServiceIdentity(namespace: namespace, name: name), port: port, applicationProtocol: applicationProtocol, team: team,
            version: version, hosting: HostingNodes(stored: nodes), endpoints: known, isAnnounced: announced ?? false,
            location: place.location)
    }
}

extension StoredRecords.StoredEndpoint {
    fileprivate init(_ record: RegistryRecords.EndpointRecord) {
        address = record.address.description
        port = record.port
        node = record.node
        version = record.version
        tunnel = record.tunnel?.description
        announcer = record.announcer
        weight = record.weight
        draining = record.isDraining ? true : nil
        place = StoredRecords.StoredPlace(record.location)
    }

    fileprivate var record: RegistryRecords.EndpointRecord? {
        guard let ip = IPAddress(address), weight > 0, tunnel == nil || tunnel.flatMap({ SocketAddress($0) }) != nil else { return nil }
        return RegistryRecords.EndpointRecord(
            address: ip, port: port, node: node, version: version, weight: weight, tunnel: tunnel.flatMap { SocketAddress($0) },
            isDraining: draining ?? false, announcer: announcer, location: place.location)
    }
}

extension HostingNodes {
    fileprivate static let anyNode = "*"

    fileprivate init(stored names: [String]?) {
        self = names.map { $0 == [Self.anyNode] ? .any : .named(Set($0)) } ?? .registered
    }

    fileprivate var stored: [String]? {
        switch self {
        case .registered: nil
        case .named(let names): names.sorted()
        case .any: [Self.anyNode]
        }
    }
}
