import MeshConfig
import Testing

/// `etcd`, `consul` and `dns` of `registry:`.
struct StoresDocumentTests {
    private func read(_ registry: String) throws(DocumentErrors) -> NodeConfiguration {
        try NodeConfiguration.read(Array("node: {name: node-1, address: 10.0.0.1}\nregistry:\n\(registry)".utf8), file: "node.yaml")
    }

    private func complaints(_ registry: String) -> String {
        do throws(DocumentErrors) {
            _ = try read(registry)
            return ""
        } catch { return error.description }
    }

    private static let everything = """
          files: /etc/myelin/registry
          etcd:
            servers: ["https://10.0.0.2:2379", "https://[fd00::2]"]
            prefix: /mesh/
            username: node-1
            password_file: /etc/myelin/etcd.password
            ca_file: /etc/myelin/etcd-ca.pem
            certificate_file: /etc/myelin/etcd.pem
            key_file: /etc/myelin/etcd.key
            lease: 20s
          consul:
            agent: http://127.0.0.1:8500
            token_file: /etc/myelin/consul.token
            datacenter: dc1
            tag: mesh
            signatures: accept_unsigned
            publish: false
          dns:
            - {service: ledger, namespace: bank, srv: _ledger._tcp.example.internal, resolver: 10.0.0.2, port: 7300, tunnel_port: 15008}
        """

    @Test func readsAllOfIt() throws {
        let stores = try read(Self.everything).registry.stores
        let etcd = try #require(stores.etcd)
        #expect(etcd.servers.map(\.description) == ["https://10.0.0.2:2379", "https://[fd00::2]:2379"])
        #expect(etcd.prefix == "/mesh/" && etcd.username == "node-1" && etcd.exchange.lease == .seconds(20))
        #expect(etcd.exchange.signatures == .required && etcd.exchange.publish)
        let consul = try #require(stores.consul)
        #expect(consul.datacenter == "dc1" && consul.tag == "mesh" && consul.exchange.signatures == .acceptUnsigned)
        #expect(!consul.exchange.publish)
        let dns = try #require(stores.dns.first)
        #expect(dns.lookup == .srv("_ledger._tcp.example.internal") && dns.resolver.port == 53 && dns.tunnelPort == 15008)
    }

    @Test func whatIsRenderedReadsTheSame() throws {
        let rendered = try read(Self.everything).rendered
        let again = try NodeConfiguration.read(Array(rendered.utf8), file: "rendered")
        #expect(again.rendered == rendered && again.registry.stores.etcd?.servers.count == 2)
    }

    @Test(arguments: [
        ("  etcd: {}", "`servers` is missing"), ("  etcd: {servers: []}", "lists 0 servers"),
        ("  etcd: {servers: [\"10.0.0.2:2379\"]}", "https://10.0.0.2:2379"),
        ("  etcd: {servers: [\"http://a\"], prefix: myelin}", "is no prefix"),
        ("  etcd: {servers: [\"http://a\"], username: x}", "`username` and a `password_file`"),
        ("  etcd: {servers: [\"http://a\"], ca_file: /a}", "where none is used"),
        ("  etcd: {servers: [\"https://a\"], key_file: /a}", "`certificate_file` and a `key_file`"),
        ("  etcd: {servers: [\"https://a\"], lease: 1s}", "3s"),
        ("  etcd: {servers: [\"https://a\"], signatures: optional}", "accept_unsigned"),
        ("  consul: {}", "`agent` is missing"), ("  consul: {agent: \"ftp://a\"}", "no address of a server"),
        ("  dns: [{service: a, resolver: 10.0.0.2, port: 1, tunnel_port: 2}]", "either `srv` or `address`"),
        ("  dns: [{service: a, srv: ledger, resolver: 10.0.0.2, port: 1, tunnel_port: 2}]", "_ledger._tcp"),
        ("  etcdd: {}", "did you mean \"etcd\""),
    ])
    func complains(registry: String, about: String) {
        #expect(complaints(registry).contains(about), "\(complaints(registry))")
    }
}
