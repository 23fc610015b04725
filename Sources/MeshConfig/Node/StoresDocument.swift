package import MeshTypes

extension NodeConfiguration {
    /// The stores outside the mesh that records come from and go to (R2.2): `etcd`, `consul` and `dns` of `registry:`.
    package struct Stores: Sendable {
        package enum Signatures: String, Sendable, CaseIterable { case required, acceptUnsigned = "accept_unsigned" }

        /// Files for TLS with a store; each nil if there is none.
        package struct Credentials: Sendable {
            /// Authorities for its certificate; nil: those of the system.
            package var authorityFile: String?
            package var certificateFile: String?
            package var keyFile: String?
        }

        /// What both kinds of store have.
        package struct Exchange: Sendable {
            package var signatures = Signatures.required
            /// This node's own endpoints are written there.
            package var publish = true
            /// What this node wrote vanishes this long after it fell silent.
            package var lease = Duration.seconds(10)
        }

        package struct Etcd: Sendable {
            package var servers: [StoreAddress] = []
            package var prefix = "/myelin/"
            package var credentials = Credentials()
            package var username: String?
            package var passwordFile: String?
            package var exchange = Exchange()
        }

        package struct Consul: Sendable {
            package var agent: StoreAddress
            package var prefix = "myelin/"
            package var credentials = Credentials()
            package var tokenFile: String?
            package var datacenter: String?
            /// Of Consul Enterprise.
            package var namespace: String?
            package var tag: String?
            package var exchange = Exchange()
        }

        /// A service that DNS knows.
        package struct DNSService: Sendable {
            package enum Lookup: Sendable, Equatable {
                case srv(String)
                /// Addresses of a name; the port is the service's.
                case address(String)
            }

            package var service: ServiceIdentity
            package var lookup: Lookup
            package var resolver: SocketAddress
            package var port: UInt16
            /// Where the HBONE peer of each of its addresses listens, at the same address.
            package var tunnelPort: UInt16
            package var applicationProtocol = ApplicationProtocol.auto
        }

        package var etcd: Etcd?
        package var consul: Consul?
        package var dns: [DNSService] = []
    }
}

/// Reads `etcd`, `consul` and `dns` of `registry:` in `node.yaml`.
enum StoresDocument {
    static let keys = ["etcd", "consul", "dns"]
    private static let credentialKeys = ["ca_file", "certificate_file", "key_file"]
    private static let exchangeKeys = ["signatures", "publish", "lease"]
    private static let maximumServers = 16
    private static let maximumDNSServices = 256

    static func stores(_ registry: DocumentMapping, namespace: String) -> NodeConfiguration.Stores {
        var stores = NodeConfiguration.Stores()
        stores.etcd = registry["etcd"].flatMap(etcd)
        stores.consul = registry["consul"].flatMap(consul)
        let services = registry["dns"]?.list() ?? []
        if services.count > maximumDNSServices {
            registry["dns"]?.report("lists more than \(maximumDNSServices) services", "leave some out")
        }
        stores.dns = services.compactMap { dns($0, namespace: namespace) }
        return stores
    }

    private static func etcd(_ value: DocumentValue) -> NodeConfiguration.Stores.Etcd? {
        guard let mapping = value.mapping(keys: ["servers", "prefix", "username", "password_file"] + credentialKeys + exchangeKeys) else {
            return nil
        }
        var etcd = NodeConfiguration.Stores.Etcd()
        let servers = mapping.required("servers")
        etcd.servers = (servers?.list() ?? []).compactMap { address($0, defaultPort: 2379) }
        if let servers, servers.isList, etcd.servers.isEmpty || etcd.servers.count > maximumServers {
            servers.report(
                "lists \(etcd.servers.count) servers, where 1 to \(maximumServers) are expected", "name the members of one cluster")
        }
        if let prefix = mapping["prefix"].flatMap({ prefix($0, first: "/") }) { etcd.prefix = prefix }
        etcd.credentials = credentials(mapping, usesTLS: etcd.servers.contains(where: \.usesTLS))
        etcd.username = mapping["username"]?.text()
        etcd.passwordFile = mapping["password_file"]?.absolutePath()
        if (etcd.username == nil) != (etcd.passwordFile == nil) {
            (mapping["username"] ?? mapping["password_file"])?.report(
                "a login has a `username` and a `password_file`", "name both, or neither")
        }
        etcd.exchange = exchange(mapping)
        return etcd
    }

    private static func consul(_ value: DocumentValue) -> NodeConfiguration.Stores.Consul? {
        let keys = ["agent", "prefix", "token_file", "datacenter", "namespace", "tag"]
        guard let mapping = value.mapping(keys: keys + credentialKeys + exchangeKeys),
            let agent = mapping.required("agent").flatMap({ address($0, defaultPort: 8500) })
        else { return nil }
        var consul = NodeConfiguration.Stores.Consul(agent: agent)
        if let prefix = mapping["prefix"].flatMap({ prefix($0, first: nil) }) { consul.prefix = prefix }
        consul.credentials = credentials(mapping, usesTLS: agent.usesTLS)
        consul.tokenFile = mapping["token_file"]?.absolutePath()
        consul.datacenter = mapping["datacenter"]?.label()
        consul.namespace = mapping["namespace"]?.label()
        consul.tag = mapping["tag"]?.text()
        consul.exchange = exchange(mapping)
        return consul
    }

    private static func dns(_ value: DocumentValue, namespace: String) -> NodeConfiguration.Stores.DNSService? {
        let keys = ["service", "namespace", "srv", "address", "resolver", "port", "tunnel_port", "protocol"]
        guard let mapping = value.mapping(keys: keys) else { return nil }
        let name = mapping.required("service")?.serviceName()
        let resolver = mapping.required("resolver").flatMap(NamesDocument.server)
        let tunnel = mapping.required("tunnel_port")?.port()
        let port = mapping.required("port")?.port()
        let srv = mapping["srv"].flatMap(recordName)
        let host = mapping["address"]?.domain()
        if (mapping["srv"] == nil) == (mapping["address"] == nil) {
            value.report("needs either `srv` or `address`", "name the SRV record, or the host whose addresses are meant")
        }
        guard let name, let resolver, let tunnel, let port,
            let lookup = srv.map(NodeConfiguration.Stores.DNSService.Lookup.srv) ?? host.map({ .address($0) })
        else { return nil }
        return NodeConfiguration.Stores.DNSService(
            service: ServiceIdentity(namespace: mapping["namespace"]?.label() ?? namespace, name: name), lookup: lookup,
            resolver: resolver, port: port, tunnelPort: tunnel,
            applicationProtocol: mapping["protocol"]?.choice(ApplicationProtocol.self) ?? .auto)
    }

    /// `_ledger._tcp.example.internal` (RFC 2782).
    private static func recordName(_ value: DocumentValue) -> String? {
        guard let text = value.text() else { return nil }
        let labels = text.split(separator: ".", omittingEmptySubsequences: false)
        let isName = labels.allSatisfy { label in DNSLabel.isValid(label.hasPrefix("_") ? label.dropFirst().utf8 : label.utf8) }
        guard isName, labels.count > 2, labels[0].hasPrefix("_"), labels[1].hasPrefix("_") else {
            value.report("is no name of an SRV record", "write it as _ledger._tcp.example.internal")
            return nil
        }
        return text
    }

    private static func address(_ value: DocumentValue, defaultPort: Int) -> StoreAddress? {
        guard let text = value.text() else { return nil }
        if let address = StoreAddress(text, defaultPort: defaultPort) { return address }
        value.report(
            "is no address of a server", "write it as https://10.0.0.2:\(defaultPort), or http:// without TLS; IPv6 addresses in brackets")
        return nil
    }

    /// - Parameter first: what it must begin with; nil: with anything but `/`.
    private static func prefix(_ value: DocumentValue, first: String?) -> String? {
        guard let text = value.text() else { return nil }
        guard text.hasSuffix("/"), text.hasPrefix("/") == (first != nil), text.count > 1, !text.contains("//") else {
            value.report("is no prefix", "write it as \(first ?? "")myelin/, with a slash at the end")
            return nil
        }
        return text
    }

    private static func credentials(_ mapping: DocumentMapping, usesTLS: Bool) -> NodeConfiguration.Stores.Credentials {
        var credentials = NodeConfiguration.Stores.Credentials()
        credentials.authorityFile = mapping["ca_file"]?.absolutePath()
        credentials.certificateFile = mapping["certificate_file"]?.absolutePath()
        credentials.keyFile = mapping["key_file"]?.absolutePath()
        if (credentials.certificateFile == nil) != (credentials.keyFile == nil) {
            (mapping["certificate_file"] ?? mapping["key_file"])?.report(
                "a certificate has a `certificate_file` and a `key_file`", "name both, or neither")
        }
        if !usesTLS, let file = credentialKeys.compactMap({ mapping[$0] }).first {
            file.report("names a file for TLS, where none is used", "write https:// instead of http://, or leave it out")
        }
        return credentials
    }

    private static func exchange(_ mapping: DocumentMapping) -> NodeConfiguration.Stores.Exchange {
        var exchange = NodeConfiguration.Stores.Exchange()
        if let choice = mapping["signatures"]?.choice(NodeConfiguration.Stores.Signatures.self) { exchange.signatures = choice }
        if let publish = mapping["publish"]?.bool() { exchange.publish = publish }
        if let lease = mapping["lease"]?.duration(in: .seconds(3) ... .seconds(300)) { exchange.lease = lease }
        return exchange
    }
}
