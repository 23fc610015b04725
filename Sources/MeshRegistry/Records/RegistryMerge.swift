internal import MeshConfig
internal import MeshPolicy
package import MeshTypes

/// Puts the records of all sources together. Pure: the result depends on what they say and on their order, not on when they said it.
///
/// The winner of a conflict is the source that comes first. Of a service, the first source gives port, protocol, team and version, and
/// all give endpoints; an address is the endpoint of one service; a cgroup is one workload. Within one source the first record wins.
package struct RegistryMerge {
    /// The daemon's own ports in every namespace: no service can have them.
    private static let reservedPorts: [UInt16: String] = [15001: "the capture listener", 15053: "the resolver"]

    package private(set) var state = RegistryState()
    /// At most `RegistryBounds.problems`.
    package private(set) var problems: [RegistryProblem] = []
    package private(set) var problemCount = 0

    /// Whose echoes from stores are left out.
    private let node: String?
    private var source = SourceName(.files)
    private var nodes: [String: Holder] = [:]
    private var drainingNodes: Set<String> = []
    private var places: [ServiceIdentity: Place] = [:]
    private var owners: [SocketAddress: Owner] = [:]
    private var cgroups: [String: Holder] = [:]

    private struct Holder {
        let source: SourceName
        let location: RuleLocation
    }

    /// Where a service stands among `state.services`, and who said so last.
    private struct Place {
        let index: Int
        let location: RuleLocation
        let source: SourceName
    }

    private struct Owner {
        let service: ServiceIdentity
        let source: SourceName
        let location: RuleLocation
    }

    /// - Parameters:
    ///   - sources: the first one wins.
    ///   - itself: this node as its own configuration has it, in case no source knows it.
    ///   - isDraining: this node takes no new calls.
    package init(_ sources: [(name: SourceName, records: RegistryRecords)], itself: Node? = nil, isDraining: Bool = false) {
        node = itself?.name
        // Nodes of all sources first: an endpoint may be on a node that another source knows.
        for (name, records) in sources {
            source = name
            for record in records.nodes where record.announcer == nil || record.announcer != node { add(record) }
        }
        if let itself {
            if state.nodes[itself.name] == nil { state.nodes[itself.name] = itself }
            if isDraining { drainingNodes.insert(itself.name) }
        }
        let expected = sources.reduce(0) { $0 + $1.records.services.reduce(0) { $0 + $1.endpoints.count } }
        owners.reserveCapacity(expected)
        for (name, records) in sources {
            source = name
            for service in records.services { add(service) }
        }
        for (name, records) in sources {
            source = name
            for record in records.workloads { add(record) }
        }
        state.services.sort { $0.identity < $1.identity }
    }

    private mutating func add(_ record: RegistryRecords.NodeRecord) {
        let name = record.node.name
        if record.isDraining { drainingNodes.insert(name) }
        guard let first = nodes[name] else {
            nodes[name] = Holder(source: source, location: record.location)
            state.nodes[name] = record.node
            return
        }
        guard first.source == source || state.nodes[name] != record.node else { return }
        report(.conflict, record.location, "is a second node \(name)", "the first is at \(first.location): keep one")
    }

    private mutating func add(_ service: RegistryRecords.Service) {
        let index: Int
        if let place = places[service.identity] {
            if place.source == source {
                report(
                    .conflict, service.location, "is a second service \(service.identity)",
                    "the first is at \(place.location): list all endpoints there")
                return
            }
            index = place.index
            places[service.identity] = Place(index: index, location: service.location, source: source)
            compare(service, with: state.services[index])
            if state.services[index].hosting == .registered { state.services[index].hosting = service.hosting }
        } else {
            index = state.services.count
            places[service.identity] = Place(index: index, location: service.location, source: source)
            state.services.append(ServiceRecord(service))
        }
        for record in service.endpoints where record.announcer == nil || record.announcer != node { add(record, of: service, at: index) }
    }

    /// A source that does not know port or protocol does not contradict one that does.
    private mutating func compare(_ service: RegistryRecords.Service, with first: ServiceRecord) {
        var differences: [String] = []
        if service.port != first.port, service.port > 0 { differences.append("port \(service.port) and not \(first.port)") }
        if service.applicationProtocol != first.applicationProtocol, service.applicationProtocol != .auto {
            differences.append("protocol \(service.applicationProtocol.rawValue) and not \(first.applicationProtocol.rawValue)")
        }
        guard !differences.isEmpty else { return }
        report(
            .conflict, service.location, "gives \(service.identity) \(differences.joined(separator: ", "))",
            "the record at \(first.location) is in force: correct one of them")
    }

    private mutating func add(_ record: RegistryRecords.EndpointRecord, of service: RegistryRecords.Service, at index: Int) {
        guard let endpoint = endpoint(record, of: service) else { return }
        if let first = owners[endpoint.address] {
            if first.service == service.identity, first.source != source {
                if record.isDraining { state.services[index].drain(endpoint.address) }
                return
            }
            report(
                .conflict, record.location, "\(endpoint.address) is an endpoint twice",
                first.service == service.identity
                    ? "it is also at \(first.location)" : "it is also at \(first.location), of \(first.service)")
            return
        }
        owners[endpoint.address] = Owner(service: service.identity, source: source, location: record.location)
        if record.isDraining || record.node.map(drainingNodes.contains) == true {
            state.services[index].draining.append(endpoint)
        } else {
            state.services[index].endpoints.append(endpoint)
        }
    }

    /// What is wrong with it is reported; nil if it cannot be used.
    private mutating func endpoint(_ record: RegistryRecords.EndpointRecord, of service: RegistryRecords.Service) -> Endpoint? {
        let address = SocketAddress(ip: record.address, port: record.port ?? service.port)
        if let use = Self.reservedPorts[address.port] {
            report(.invalid, record.location, "port \(address.port) is \(use)'s in every namespace", "let the service listen elsewhere")
            return nil
        }
        if record.address.isLoopback || record.address == .v4Any || record.address == .v6Any {
            report(
                .invalid, record.location, "\(record.address) cannot be reached from elsewhere",
                "name the address of the pod or of the node")
            return nil
        }
        let version = record.version ?? service.version
        guard let name = record.node else {
            guard let tunnel = record.tunnel else {
                report(.invalid, record.location, "has neither a `node` nor a `tunnel`", "name the node that it runs on")
                return nil
            }
            return Endpoint(
                address: address, locality: Locality(region: "", zone: "", node: ""), version: version, weight: record.weight,
                tunnel: tunnel)
        }
        guard let node = state.nodes[name] else {
            // What a node announced says where its tunnel is; only how far that is, is not known before its own record.
            if record.announcer != nil, let tunnel = record.tunnel {
                return Endpoint(
                    address: address, locality: Locality(region: "", zone: "", node: name), version: version, weight: record.weight,
                    tunnel: tunnel)
            }
            reportNoNode(name, record.location)
            return nil
        }
        return Endpoint(
            address: address, locality: node.locality, version: version, weight: record.weight, tunnel: record.tunnel ?? node.tunnel)
    }

    private mutating func add(_ record: RegistryRecords.WorkloadRecord) {
        let workload = record.workload
        let key = record.node + " " + workload.cgroup
        var isUsable = true
        if state.nodes[record.node] == nil {
            reportNoNode(record.node, record.location)
            isUsable = false
        }
        if places[workload.service] == nil {
            report(.invalid, record.location, "there is no service \(workload.service)", "add its record under `services:`")
            isUsable = false
        }
        if let first = cgroups[key] {
            if first.source == source || state.workloads[record.node]?.contains(workload) != true {
                report(
                    .conflict, record.location, "the cgroup \(workload.cgroup) is two workloads",
                    "the first is at \(first.location): keep one")
            }
            isUsable = false
        }
        guard isUsable else { return }
        cgroups[key] = Holder(source: source, location: record.location)
        state.workloads[record.node, default: []].append(workload)
    }

    private mutating func reportNoNode(_ name: String, _ location: RuleLocation) {
        // A store that lost its nodes has thousands of these: only those that are kept are worded.
        guard problemCount < RegistryBounds.problems else {
            problemCount += 1
            return
        }
        let known = state.nodes.keys.sorted().prefix(20).joined(separator: ", ")
        report(.invalid, location, "there is no node \"\(name)\"", known.isEmpty ? "add it under `nodes:`" : "known nodes: \(known)")
    }

    private mutating func report(
        _ kind: RegistryProblem.Kind, _ location: RuleLocation, _ message: String, _ suggestion: String
    ) {
        problemCount += 1
        guard problems.count < RegistryBounds.problems else { return }
        problems.append(
            RegistryProblem(
                kind: kind, source: source,
                error: DocumentError(
                    file: location.file, line: location.line, column: location.column, message: message, suggestion: suggestion)))
    }
}
