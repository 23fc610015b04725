internal import MeshProtocols
internal import MeshSnapshot
internal import MeshTypes

/// What the mesh calls its services, compiled from a snapshot. Pure: a question and who asks it give an answer.
///
/// Names: `wallet` (in the asker's namespace), `wallet.<ns>`, `wallet.<ns>.svc`, `wallet.<ns>.svc.<cluster domain>`, and
/// `wallet.svc[.<cluster domain>]` as registry records write the host; before each, `_<protocol>._tcp.` for SRV. All below `svc` and the
/// cluster domain is the mesh's own, and so are the names of virtual addresses: what does not exist there exists nowhere. Any other name
/// that is no service's is for others to answer.
struct NameTable {
    enum Resolution: Equatable {
        case addresses(v4: IPAddress?, v6: IPAddress?)
        /// Where a service listens (SRV).
        case location(port: UInt16, target: DNSName, v4: IPAddress?, v6: IPAddress?)
        /// What an address is called (PTR).
        case pointer(DNSName)
        /// The name exists, but only to have others below it.
        case emptyName
        case noSuchName
        /// It is a service's that the asker may not call, and should not hear of.
        case hidden
        case notOurs
    }

    private struct Service {
        let id: ServiceID
        let port: UInt16
        /// Labels that stand for its protocol in SRV names, with their lengths.
        let protocols: [DNSName]
        let fullName: DNSName
        var v4: IPAddress?
        var v6: IPAddress?
        /// An endpoint has an address of that family, or there is none at all.
        var isReachedByV4: Bool
        var isReachedByV6: Bool
    }

    private let snapshot: Snapshot
    private let options: NameServerOptions
    /// By `<service>.<namespace>`, aliases among them.
    private var services: [DNSName: Service] = [:]
    private var serviceNames: Set<DNSName> = []
    private var namespaces: Set<DNSName> = []
    private var homes: [ServiceID: DNSName] = [:]
    /// The mesh's domain, which is the zone of its negative answers.
    let zone: DNSName
    private let meshZone: DNSName
    private var allowed: [ServiceID: AllowedNames] = [:]
    private let zoneLabels: Int

    private static let defaultNamespace = DNSName("default")!
    private static let svc = DNSName("svc")!
    private static let tcp = DNSName("_tcp")!
    private static let localhost = DNSName("localhost")!
    /// Names that exist nowhere and must not be asked (RFC 6761 §6.4, RFC 7686 §2).
    private static let nowhere = [DNSName("invalid")!, DNSName("onion")!]

    init(_ snapshot: Snapshot, _ options: NameServerOptions) {
        self.snapshot = snapshot
        self.options = options
        zone = (DNSName(snapshot.clusterDomain) ?? .root).lowercased
        meshZone = Self.join(Self.svc, zone)
        zoneLabels = NameLabels(zone).count
        var aliases: [ServiceName: [ServiceName]] = [:]
        for (alias, name) in options.aliases { aliases[name, default: []].append(alias) }
        let all = snapshot.allServices
        for service in all {
            add(service, as: service.identity.name)
            let names = snapshot.foreignNames(of: service.id)
            if !names.isEmpty { allowed[service.id] = AllowedNames(names) }
        }
        // A service's own name counts for more than another's alias.
        for service in all {
            for alias in aliases[service.identity.name] ?? [] { add(service, as: alias) }
        }
    }

    private mutating func add(_ service: SnapshotService, as name: ServiceName) {
        guard let label = DNSName(name.label), let own = DNSName(service.identity.name.label),
            let namespace = DNSName(service.identity.namespace)
        else { return }
        let key = Self.join(label, namespace)
        guard services[key] == nil else { return }
        let endpoints = service.endpoints.map(\.address.ip)
        services[key] = Service(
            id: service.id, port: service.port, protocols: Self.protocols(service.applicationProtocol),
            fullName: Self.join(Self.join(own, namespace), meshZone),
            v4: service.virtualAddresses.first(where: \.isV4), v6: service.virtualAddresses.first { !$0.isV4 },
            isReachedByV4: endpoints.isEmpty || endpoints.contains(where: \.isV4),
            isReachedByV6: endpoints.isEmpty || endpoints.contains { !$0.isV4 })
        serviceNames.insert(label)
        namespaces.insert(namespace)
        homes[service.id] = namespace
    }

    /// Of names outside the mesh.
    func allowedNames(of service: ServiceID) -> AllowedNames { allowed[service] ?? .none }

    /// `_http._tcp.…`: a service has one port, and its protocol is that port's name.
    private static func protocols(_ kind: ApplicationProtocol) -> [DNSName] {
        let names: [String] =
            switch kind {
            case .auto: ["_tcp", "_http"]
            case .tcp: ["_tcp"]
            case .http: ["_http"]
            case .http2: ["_http2", "_http"]
            case .grpc: ["_grpc", "_http2"]
            case .postgres: ["_postgres", "_postgresql"]
            case .nats: ["_nats"]
            }
        return names.compactMap { DNSName($0) }
    }

    private static func join(_ first: DNSName, _ second: DNSName) -> DNSName { DNSName(wire: first.wire.dropLast() + second.wire) }

    /// Of the two virtual addresses those are answered that lead to an endpoint of their own family, which the caller reaches directly
    /// on its node and which sees the caller's address; and the one of the family in which the workload asks, which it has for sure.
    ///
    /// - Parameters:
    ///   - asker: the service whose workload asks.
    ///   - server: the name server that it asked.
    func resolve(_ question: DNSQuestion, asker: ServiceID, server: IPAddress) -> Resolution {
        let labels = NameLabels(question.name)
        switch find(labels, question.type, asker: asker) {
        case .service(let found):
            guard isVisible(found, to: asker) else { return .hidden }
            let (v4, v6) = addresses(found, server)
            return .addresses(v4: v4, v6: v6)
        case .port(let found):
            guard isVisible(found, to: asker) else { return .hidden }
            let (v4, v6) = addresses(found, server)
            return .location(port: found.port, target: found.fullName, v4: v4, v6: v6)
        case .below(let found, let exists):
            guard isVisible(found, to: asker) else { return .hidden }
            return exists ? .emptyName : .noSuchName
        case .loopback: return .addresses(v4: .v4Loopback, v6: .v6Loopback)
        case .emptyName: return .emptyName
        case .noSuchName: return .noSuchName
        case .notOurs: return reverse(question.name, asker: asker)
        }
    }

    private func addresses(_ service: Service, _ server: IPAddress) -> (v4: IPAddress?, v6: IPAddress?) {
        (
            service.isReachedByV4 || server.isV4 ? service.v4 : nil,
            service.isReachedByV6 || !server.isV4 ? service.v6 : nil
        )
    }

    private func isVisible(_ service: Service, to asker: ServiceID) -> Bool {
        switch options.view {
        case .all: true
        case .callable: service.id == asker || snapshot.decide(source: asker, destination: service.id).permitted
        }
    }

    // MARK: Names

    /// What a name is, before it is known who asks.
    private enum Meaning {
        case service(Service)
        /// `_http._tcp.<service>`.
        case port(Service)
        /// Below a service, where only names of ports exist.
        case below(Service, exists: Bool)
        case loopback
        case emptyName, noSuchName, notOurs
    }

    private func find(_ labels: NameLabels, _ type: DNSType, asker: ServiceID) -> Meaning {
        var rest = 0..<labels.count
        let isQualified = zone != .root && labels.name.isWithin(zone)
        if isQualified { rest = 0..<labels.count - zoneLabels }
        guard let first = rest.first, labels.isUnderscored(first) else { return plain(labels, rest, isQualified, type, asker) }
        // Names of ports: one label of them alone exists only to have others below it.
        let hasPort = rest.count > 1 && labels.isUnderscored(first + 1)
        let kind = labels.part(hasPort ? first + 1..<first + 2 : first..<first + 1)
        switch plain(labels, rest.dropFirst(hasPort ? 2 : 1), isQualified, nil, asker) {
        case .service(let found):
            guard kind == Self.tcp else { return .below(found, exists: false) }
            guard hasPort else { return .below(found, exists: true) }
            return found.protocols.contains(labels.part(first..<first + 1)) ? .port(found) : .below(found, exists: false)
        case .emptyName, .noSuchName: return .noSuchName
        case .notOurs, .loopback, .port, .below: return .notOurs
        }
    }

    /// - Parameter type: nil where names of one label are nothing special, as others stand before it.
    private func plain(
        _ labels: NameLabels, _ rest: Range<Int>, _ isQualified: Bool, _ type: DNSType?, _ asker: ServiceID
    ) -> Meaning {
        let home = homes[asker] ?? Self.defaultNamespace
        if let last = rest.last, labels.part(last..<last + 1) == Self.svc { return withinMesh(labels, rest.dropLast(), home) }
        if isQualified { return rest.isEmpty ? .emptyName : .noSuchName }
        switch rest.count {
        case 0: return .notOurs
        case 1:
            let name = labels.part(rest)
            if let found = services[Self.join(name, home)] { return .service(found) }
            // A service's name, if of another namespace: nobody else is told of it.
            if serviceNames.contains(name) { return .noSuchName }
            return type.map { single(name, $0) } ?? .notOurs
        case 2:
            if let found = services[labels.part(rest)] { return .service(found) }
            return isMeshPair(labels, rest.lowerBound) ? .noSuchName : special(labels.name)
        default: return isMeshNameWithSuffix(labels, rest) ? .noSuchName : special(labels.name)
        }
    }

    private func withinMesh(_ labels: NameLabels, _ rest: Range<Int>, _ home: DNSName) -> Meaning {
        switch rest.count {
        case 0: return .emptyName
        case 1:
            let name = labels.part(rest)
            if let found = services[Self.join(name, home)] { return .service(found) }
            return namespaces.contains(name) ? .emptyName : .noSuchName
        case 2: return services[labels.part(rest)].map { .service($0) } ?? .noSuchName
        default: return .noSuchName
        }
    }

    private func single(_ name: DNSName, _ type: DNSType) -> Meaning {
        let special = special(name)
        guard case .notOurs = special else { return special }
        return options.forwardsSingleLabels || AllowedNames.zoneTypes.contains(type) ? .notOurs : .noSuchName
    }

    private func special(_ name: DNSName) -> Meaning {
        if name.isWithin(Self.localhost) { return .loopback }  // RFC 6761 §6.3
        return Self.nowhere.contains { name.isWithin($0) } ? .noSuchName : .notOurs
    }

    /// A service's name and a namespace's, though not of one another.
    private func isMeshPair(_ labels: NameLabels, _ first: Int) -> Bool {
        serviceNames.contains(labels.part(first..<first + 1)) && namespaces.contains(labels.part(first + 1..<first + 2))
    }

    /// A name of the mesh behind which a resolver put one more of its search domains: `wallet.default.svc.cluster.local.example.com`.
    private func isMeshNameWithSuffix(_ labels: NameLabels, _ rest: Range<Int>) -> Bool {
        let domain = zoneLabels + 1
        for start in rest where start + domain < rest.upperBound {
            if labels.part(start..<start + domain) == meshZone { return true }
        }
        let third = rest.lowerBound + 2
        return rest.count > 3 && isMeshPair(labels, rest.lowerBound) && labels.part(third..<third + 1) == Self.svc
    }

    // MARK: Addresses

    private func reverse(_ name: DNSName, asker: ServiceID) -> Resolution {
        switch DNSReverseName.meaning(of: name) {
        case nil: return .notOurs
        case .address(let address) where address.isLoopback: return .pointer(Self.localhost)
        case .address(let address):
            guard network(of: address) != nil else { return .notOurs }
            guard let id = snapshot.service(virtualAddress: address), let identity = snapshot.service(id)?.identity,
                let key = DNSName("\(identity.name).\(identity.namespace)"), let found = services[key]
            else { return .noSuchName }
            return isVisible(found, to: asker) ? .pointer(found.fullName) : .hidden
        case .network(let address, let prefix):
            return network(of: address).map { prefix >= $0.prefix } == true ? .emptyName : .notOurs
        }
    }

    private func network(of address: IPAddress) -> NameServerOptions.Network? {
        options.virtualNetworks.first { network in
            guard network.address.isV4 == address.isV4 else { return false }
            let bits = network.prefix + (address.isV4 ? 96 : 0)
            func mask(_ bits: Int) -> UInt64 { bits <= 0 ? 0 : bits >= 64 ? .max : ~(.max >> UInt64(bits)) }
            return (address.high ^ network.address.high) & mask(bits) == 0 && (address.low ^ network.address.low) & mask(bits - 64) == 0
        }
    }

    /// The zone of whose authority a negative answer about `name` speaks.
    func authority(over name: DNSName) -> DNSName {
        if name.isWithin(zone) { return zone }
        switch DNSReverseName.meaning(of: name) {
        case .address(let address), .network(let address, _):
            if let network = network(of: address) { return DNSReverseName.zone(of: network.address, prefix: network.prefix) }
        case nil: break
        }
        let labels = NameLabels(name)
        return labels.count > 1 ? labels.part(labels.count - 1..<labels.count) : .root
    }
}
