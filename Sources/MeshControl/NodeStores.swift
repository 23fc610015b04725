internal import MeshConfig
internal import MeshIdentity
internal import MeshRegistry
internal import MeshStores
internal import MeshTelemetry
internal import MeshTypes

/// The stores outside the mesh that this node's configuration names.
struct NodeStores: Sendable {
    private(set) var sources: [any RegistrySource] = []
    private(set) var publishers: [any RegistryPublisher] = []
    private let etcd: EtcdSource?
    private let consul: ConsulSource?

    init(_ configuration: NodeConfiguration, identities: IdentityStore, farewell: Farewell) {
        let stores = configuration.registry.stores
        etcd = stores.etcd.map { etcd in
            EtcdSource(
                EtcdOptions(etcd), namespace: configuration.namespace, trustDomain: configuration.trustDomain,
                signatures: etcd.exchange.signatures.check, keys: identities)
        }
        consul = stores.consul.map { consul in
            ConsulSource(
                ConsulOptions(consul), namespace: configuration.namespace, trustDomain: configuration.trustDomain,
                signatures: consul.exchange.signatures.check, keys: identities)
        }
        if let etcd { sources.append(etcd) }
        if let consul { sources.append(consul) }
        for service in stores.dns { sources.append(DNSSource(service)) }
        if let etcd = stores.etcd, etcd.exchange.publish {
            publishers.append(StorePublisher(etcd: EtcdOptions(etcd), keys: identities, farewell: farewell))
        }
        if let consul = stores.consul, consul.exchange.publish {
            publishers.append(StorePublisher(consul: ConsulOptions(consul), keys: identities, farewell: farewell))
        }
    }

    /// Records of stores that are left out now, by source and reason.
    func refusedRecords() async -> MetricFamily {
        var samples: [MetricSample] = []
        if let etcd { samples += Self.samples(etcd.name, await etcd.refusals) }
        if let consul { samples += Self.samples(consul.name, await consul.refusals) }
        return MetricFamily(
            name: "myelin_registry_refused_records",
            help: "Records of a store that are left out: not signed by whom they should be, or wrong.",
            kind: .gauge, samples: samples)
    }

    private static func samples(_ source: SourceName, _ refusals: [AnnouncementRefusal: Int]) -> [MetricSample] {
        AnnouncementRefusal.allCases.map { refusal in
            MetricSample(
                labels: [MetricSample.Label("source", "\(source)"), MetricSample.Label("reason", refusal.rawValue)],
                value: Double(refusals[refusal] ?? 0))
        }
    }
}

extension NodeConfiguration.Stores.Signatures {
    fileprivate var check: AnnouncementCheck.Signatures { self == .required ? .required : .acceptUnsigned }
}

extension StoreAccess {
    fileprivate init(_ credentials: NodeConfiguration.Stores.Credentials) {
        self.init(
            authorityFile: credentials.authorityFile, certificateFile: credentials.certificateFile, keyFile: credentials.keyFile)
    }
}

extension EtcdOptions {
    fileprivate init(_ etcd: NodeConfiguration.Stores.Etcd) {
        self.init(servers: etcd.servers.map(\.description))
        access = StoreAccess(etcd.credentials)
        if let user = etcd.username, let file = etcd.passwordFile { login = Login(user: user, passwordFile: file) }
        prefix = etcd.prefix
        lease = etcd.exchange.lease
    }
}

extension ConsulOptions {
    fileprivate init(_ consul: NodeConfiguration.Stores.Consul) {
        self.init(agent: "\(consul.agent)")
        access = StoreAccess(consul.credentials)
        tokenFile = consul.tokenFile
        datacenter = consul.datacenter
        namespace = consul.namespace
        tag = consul.tag
        prefix = consul.prefix
        lease = consul.exchange.lease
    }
}
