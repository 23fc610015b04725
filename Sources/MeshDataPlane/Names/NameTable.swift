internal import MeshProtocols
internal import MeshSnapshot
internal import MeshTypes

/// What the mesh calls its services, compiled from a snapshot. Pure: a question and who asks it give an answer.
///
/// Names: `wallet` (in the asker's namespace), `wallet.<ns>`, `wallet.<ns>.svc`, `wallet.<ns>.svc.<cluster domain>`, and
/// `wallet.svc[.<cluster domain>]` as registry records write the host. All below `svc` and the cluster domain is the mesh's own:
/// what does not exist there exists nowhere. Any other name that is no service is for others to answer.
struct NameTable {
    enum Resolution: Equatable {
        case addresses(v4: IPAddress?, v6: IPAddress?)
        /// The name exists, but only to have others below it.
        case emptyName
        case noSuchName
        case notOurs
    }

    private struct Addresses {
        var v4: IPAddress?
        var v6: IPAddress?
        /// An endpoint has an address of that family, or there is none at all.
        var isReachedByV4: Bool
        var isReachedByV6: Bool
    }

    private var services: [ServiceIdentity: Addresses] = [:]
    private var namespaces: Set<String> = []
    private var namespaceOfService: [ServiceID: String] = [:]
    private let aliases: [ServiceName: ServiceName]
    private let clusterLabels: [String]
    /// The zone of our negative answers.
    let zone: DNSName

    static let defaultNamespace = "default"

    init(_ snapshot: Snapshot, aliases: [ServiceName: ServiceName]) {
        self.aliases = aliases
        zone = DNSName(snapshot.clusterDomain) ?? .root
        clusterLabels = zone.labels.map { String(decoding: $0, as: UTF8.self) }
        for service in snapshot.allServices {
            let endpoints = service.endpoints.map(\.address.ip)
            services[service.identity] = Addresses(
                v4: service.virtualAddresses.first(where: \.isV4), v6: service.virtualAddresses.first { !$0.isV4 },
                isReachedByV4: endpoints.isEmpty || endpoints.contains(where: \.isV4),
                isReachedByV6: endpoints.isEmpty || endpoints.contains { !$0.isV4 })
            namespaces.insert(service.identity.namespace)
            namespaceOfService[service.id] = service.identity.namespace
        }
    }

    /// Of the two virtual addresses those are answered that lead to an endpoint of their own family, which the caller reaches directly
    /// on its node and which sees the caller's address; and the one of the family in which the workload asks, which it has for sure.
    ///
    /// - Parameters:
    ///   - asker: the service whose workload asks.
    ///   - server: the name server that it asked.
    func resolve(_ name: DNSName, asker: ServiceID, server: IPAddress) -> Resolution {
        switch find(name, asker: asker) {
        case .service(let found):
            .addresses(
                v4: found.isReachedByV4 || server.isV4 ? found.v4 : nil, v6: found.isReachedByV6 || !server.isV4 ? found.v6 : nil)
        case .emptyName: .emptyName
        case .noSuchName: .noSuchName
        case .notOurs: .notOurs
        }
    }

    /// What a name is, before it is known who asks.
    private enum Meaning {
        case service(Addresses)
        case emptyName, noSuchName, notOurs
    }

    private func find(_ name: DNSName, asker: ServiceID) -> Meaning {
        let home = namespaceOfService[asker] ?? Self.defaultNamespace
        var labels = name.labels.map { String(decoding: $0, as: UTF8.self) }
        let isQualified = !clusterLabels.isEmpty && labels.suffix(clusterLabels.count) == clusterLabels[...]
        if isQualified { labels.removeLast(clusterLabels.count) }
        if labels.last == "svc" { return withinMesh(labels.dropLast(), home: home) }
        if isQualified { return labels.isEmpty ? .emptyName : .noSuchName }
        switch labels.count {
        case 1: return addresses(labels[0], in: home) ?? .notOurs
        case 2: return addresses(labels[0], in: labels[1]) ?? .notOurs
        default: return .notOurs
        }
    }

    private func withinMesh(_ labels: ArraySlice<String>, home: String) -> Meaning {
        switch labels.count {
        case 0: .emptyName
        case 1: addresses(labels[0], in: home) ?? (namespaces.contains(labels[0]) ? .emptyName : .noSuchName)
        case 2: addresses(labels[0], in: labels[1]) ?? .noSuchName
        default: .noSuchName
        }
    }

    private func addresses(_ label: String, in namespace: String) -> Meaning? {
        // `_` is a spelling of policy files, not of DNS.
        guard !label.contains("_"), let name = ServiceName(label) else { return nil }
        let found =
            services[ServiceIdentity(namespace: namespace, name: name)]
            ?? aliases[name].flatMap { services[ServiceIdentity(namespace: namespace, name: $0)] }
        return found.map { .service($0) }
    }
}
