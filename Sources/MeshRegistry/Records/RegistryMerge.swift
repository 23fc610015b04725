internal import MeshConfig
internal import MeshPolicy
package import MeshTypes

/// Puts the records of all sources together. Pure: the result depends on what they say, on their order and on who held an address before, not on
/// when they said it.
///
/// The winner of a conflict is the source that comes first. Of a service, the first source gives port, protocol, team and version, and
/// all give endpoints; an address is the endpoint of one service (`EndpointClaims`); a cgroup is one workload. Within one source the first
/// record wins.
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
    /// Of whom an operator's record says where they are.
    private var declaredNodes: [String: IPAddress] = [:]
    private(set) var claims = EndpointClaims()
    /// What counted before.
    private let before: EndpointClaims?
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

    /// - Parameters:
    ///   - sources: the first one wins.
    ///   - itself: this node as its own configuration has it, in case no source knows it.
    ///   - isDraining: this node takes no new calls.
    package init(_ sources: [(name: SourceName, records: RegistryRecords)], itself: Node? = nil, isDraining: Bool = false) {
        self.init(sources, itself: itself, isDraining: isDraining, after: nil)
    }

    /// - Parameter before: who held which address until now.
    init(_ sources: [(name: SourceName, records: RegistryRecords)], itself: Node?, isDraining: Bool, after before: EndpointClaims?) {
        node = itself?.name
        self.before = before
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
        claims.reserve(expected)
        for (name, records) in sources {
            source = name
            for service in records.services { add(service) }
        }
        settleEndpoints()
        for (name, records) in sources {
            source = name
            for record in records.workloads { add(record) }
        }
        state.services.sort { $0.identity < $1.identity }
    }

    private mutating func add(_ record: RegistryRecords.NodeRecord) {
        let name = record.node.name
        if record.isDraining { drainingNodes.insert(name) }
        if record.announcer == nil, declaredNodes[name] == nil { declaredNodes[name] = record.node.tunnel.ip }
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
        let claim = EndpointClaims.Claim(
            endpoint: endpoint, service: service.identity, place: index, source: source, location: record.location,
            announcer: record.announcer,
            isAtHome: isAtHome(record), isDraining: record.isDraining || record.node.map(drainingNodes.contains) == true)
        switch claims.enter(claim, before: before) {
        case .entered, .known: break
        case .beaten(let loser, let winner):
            report(
                .conflict, loser.location, "\(endpoint.address) is an endpoint twice",
                "it is also at \(winner.location)" + (loser.service == winner.service ? "" : ", of \(winner.service)")
                    + (loser.announcer == nil ? "" : ", which stands before what \(loser.announcer ?? "") announces"),
                of: loser.source)
        case .disputed(let other):
            report(
                .conflict, record.location,
                "\(endpoint.address) is announced by \(record.announcer ?? "") and \(other.announcer ?? "") alike",
                "it is also at \(other.location), of \(other.service); neither is used until one of them withdraws: see which node lies")
        }
    }

    /// What a node announces of its own address does not count here: it could announce any.
    private func isAtHome(_ record: RegistryRecords.EndpointRecord) -> Bool {
        record.announcer.map { declaredNodes[$0] == record.address } ?? false
    }

    private mutating func settleEndpoints() {
        claims.forEachHolder { claim in
            if claim.isDraining {
                state.services[claim.place].draining.append(claim.endpoint)
            } else {
                state.services[claim.place].endpoints.append(claim.endpoint)
            }
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
        _ kind: RegistryProblem.Kind, _ location: RuleLocation, _ message: String, _ suggestion: String, of origin: SourceName? = nil
    ) {
        problemCount += 1
        guard problems.count < RegistryBounds.problems else { return }
        problems.append(
            RegistryProblem(
                kind: kind, source: origin ?? source,
                error: DocumentError(
                    file: location.file, line: location.line, column: location.column, message: message, suggestion: suggestion)))
    }
}
