import Foundation
import MeshConfig
import MeshRegistry
import MeshTypes
import Testing

@Suite struct RegistryDocumentTests {
    private let directory: String

    init() throws {
        directory = NSTemporaryDirectory() + "myelin-registry-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    }

    private func load(_ files: [String: String]) throws(DocumentErrors) -> RegistryState {
        defer { try? FileManager.default.removeItem(atPath: directory) }
        for (name, text) in files { try? text.write(toFile: directory + "/" + name, atomically: true, encoding: .utf8) }
        return try RegistryDocuments.load(path: directory, namespace: "default")
    }

    private func complaints(_ files: [String: String]) -> [DocumentError] {
        do throws(DocumentErrors) {
            _ = try load(files)
            return []
        } catch { return error.errors }
    }

    private static let nodes =
        "nodes: [{name: n1, address: 10.0.0.1, zone: a, region: r}, {name: n2, address: \"fd00::2\", tunnel_port: 15009}]\n"

    @Test func putsRecordsOfSeveralFilesTogether() throws {
        let state = try load([
            "nodes.yaml": Self.nodes,
            "wallet.json": """
            {"service":"wallet","host":"wallet.svc.cluster.local","port":8081,
             "metadata":{"team":"core","version":"v1.4.0","zone":"eu-central-1"},
             "endpoints":[{"address":"10.0.1.1","node":"n1"},{"address":"fd00::9","node":"n2","port":9000,"version":"v2"}]}
            """,
            "list.yaml": "- {service: usage, port: 80, protocol: http}\n- {service: far, namespace: other, port: 81}\n",
            "workloads.yaml":
                "workloads: [{service: wallet, node: n1, cgroup: /w, netns: /run/netns/w}, {service: usage, node: n1, cgroup: /u, netns: host}]\n",
        ])
        let wallet = try #require(state.service(ServiceIdentity(namespace: "default", name: ServiceName("wallet")!)))
        #expect(wallet.endpoints.map(\.address) == [SocketAddress("10.0.1.1:8081")!, SocketAddress("[fd00::9]:9000")!])
        #expect(wallet.endpoints.map(\.version) == ["v1.4.0", "v2"])
        #expect(wallet.endpoints.map(\.tunnel) == [SocketAddress("10.0.0.1:15008")!, SocketAddress("[fd00::2]:15009")!])
        #expect(state.services.map(\.identity.description) == ["default/usage", "default/wallet", "other/far"])
        #expect(state.workloads(of: "n1").map(\.sharesNodeNamespace) == [false, true])
        #expect(state.workloads(of: "n2").isEmpty)
    }

    @Test(arguments: [
        ("", "is empty"),
        ("services: [{service: a, port: 0}]", "a port from 1 to 65535"),
        ("services: [{service: a, port: 65536}]", "a port from 1 to 65535"),
        ("services: [{service: a, port: 80, endpoints: [{address: 10.0.0.5, node: n1, port: 15001}]}]\n" + nodes, "port 15001"),
        ("services: [{service: a, port: 80}, {service: a, port: 81}]", "second service"),
        ("services: [{service: a, port: 80, pool: 1}]", "unknown key \"pool\""),
        ("services: [{service: a, port: 80, endpoints: [{address: 127.0.0.1, node: n1}]}]\n" + nodes, "cannot be reached"),
        ("services: [{service: a, port: 80, endpoints: [{address: 1.2.3, node: n1}]}]\n" + nodes, "an IPv4 or IPv6 address"),
        ("services: [{service: a, port: 80, endpoints: [{address: 10.0.0.5, node: n3}]}]\n" + nodes, "there is no node"),
        ("services: [{service: a, port: 80, endpoints: [{address: 10.0.0.5}]}]", "neither a `node` nor a `tunnel`"),
        (
            "services: [{service: a, port: 80, endpoints: [{address: 10.0.0.5, node: n1}, {address: 10.0.0.5, node: n1}]}]\n" + nodes,
            "an endpoint twice"
        ),
        ("workloads: [{service: a, node: n1, cgroup: /w}]\n" + nodes, "there is no service"),
        ("services: [{service: a, port: 80}]\nworkloads: [{service: a, node: n1, cgroup: /../w}]\n" + nodes, "an absolute path"),
        (
            "services: [{service: a, port: 80}]\nworkloads: [{service: a, node: n1, cgroup: /w}, {service: a, node: n1, cgroup: /w}]\n"
                + nodes,
            "two workloads"
        ),
        ("services: 5", "a list is expected"),
    ])
    func mistakesAreNamed(text: String, message: String) {
        let found = complaints(["r.yaml": text])
        #expect(found.count == 1 && found.first?.description.contains(message) == true, "\(found)")
    }

    @Test func duplicatesAcrossFilesNameBothPlaces() throws {
        let found = complaints(["a.yaml": "{service: a, port: 80}", "b.yaml": "{service: a, port: 80}"])
        #expect(found.first?.description.contains("/b.yaml:1:1") == true)
        #expect(found.first?.description.contains("/a.yaml:1:1") == true)
    }

    @Test func tenThousandEndpointsAreReadWithinSeconds() throws {
        var text = Self.nodes + "services:\n"
        for service in 0..<100 {
            text += "  - service: s\(service)\n    port: 80\n    endpoints:\n"
            for index in 0..<100 { text += "      - {address: 10.\(service).\(index).1, node: n1}\n" }
        }
        let clock = ContinuousClock()
        var count = 0
        let took = try clock.measure { count = try load(["big.yaml": text]).services.reduce(0) { $0 + $1.endpoints.count } }
        #expect(count == 10_000)
        #expect(took < .seconds(10))
    }
}
