import Foundation
import MeshConfig
import MeshRegistry
import MeshStores
import MeshTypes
import Testing

/// Services that only DNS knows, against dnsmasq.
@Suite(.serialized)
struct DNSSourceTests {
    private static func server(_ settings: [String], scratch: Scratch = Scratch()) async throws -> StoreProcess {
        let port = try StoreProcess.freePort()
        return try await StoreProcess(
            [
                "/usr/sbin/dnsmasq", "--no-daemon", "--no-resolv", "--no-hosts", "--listen-address=127.0.0.1", "--bind-interfaces",
                "--port=\(port)", "--conf-file=/dev/null", "--user=root", "--local=/example.internal/", "--auth-ttl=5",
            ] + settings, address: SocketAddress(ip: .v4Loopback, port: port), log: "dnsmasq.log", in: scratch)
    }

    private func service(_ lookup: NodeConfiguration.Stores.DNSService.Lookup, _ server: StoreProcess) throws -> DNSSource {
        let text =
            switch lookup {
            case .srv(let name): "srv: \(name)"
            case .address(let name): "address: \(name)"
            }
        let document = """
            node: {name: node-1, address: 10.0.0.1}
            registry:
              dns:
                - {service: ledger, namespace: bank, \(text), resolver: "\(server.address)", port: 7300, tunnel_port: 15008, protocol: tcp}
            """
        let configuration = try NodeConfiguration.read(Array(document.utf8), file: "node.yaml")
        return DNSSource(try #require(configuration.registry.stores.dns.first))
    }

    @Test func followsServiceRecords() async throws {
        let server = try await Self.server([
            "--srv-host=_ledger._tcp.example.internal,one.example.internal,7301,0,5",
            "--srv-host=_ledger._tcp.example.internal,two.example.internal,7302,0,10",
            "--srv-host=_ledger._tcp.example.internal,spare.example.internal,7303,1,0",
            "--host-record=one.example.internal,10.9.0.1,fd00:9::1", "--host-record=two.example.internal,10.9.0.2",
            "--host-record=spare.example.internal,10.9.0.3",
        ])
        let source = try service(.srv("_ledger._tcp.example.internal"), server)
        #expect(source.name == SourceName(.dns, instance: "ledger.bank"))
        try await Reports.of(source) { reports in
            try await reports.wait("three addresses") { records, _ in
                records.endpoints == ["ledger 10.9.0.1:7301", "ledger 10.9.0.2:7302", "ledger [fd00:9::1]:7301"]
            }
            let service = try #require(await reports.records?.services.first)
            #expect(service.port == 7300 && service.applicationProtocol == .tcp && service.identity.namespace == "bank")
            let second = try #require(service.endpoints.first { $0.address == IPAddress("10.9.0.2") })
            #expect(second.weight == 10 && second.node == nil && second.tunnel == SocketAddress("10.9.0.2:15008"))
            server.stop()
        }
    }

    @Test func followsNamesOfHosts() async throws {
        let scratch = Scratch()
        let hosts = scratch.file("hosts", "10.9.0.1 ledger.example.internal\n")
        let server = try await Self.server(["--addn-hosts=\(hosts)", "--cname=alias.example.internal,ledger.example.internal"])
        for name in ["ledger.example.internal", "alias.example.internal"] {
            try await Reports.of(service(.address(name), server)) { reports in
                try await reports.wait("the address") { records, _ in records.endpoints == ["ledger 10.9.0.1:7300"] }
            }
        }
        try await Reports.of(service(.address("none.example.internal"), server)) { reports in
            try await reports.wait("a service without endpoints") { records, _ in
                records.endpoints.isEmpty && records.services.count == 1
            }
        }
    }

    /// More addresses than a datagram holds.
    @Test func longAnswersComeOverTCP() async throws {
        let server = try await Self.server((1...120).map { "--host-record=ledger.example.internal,10.9.1.\($0)" })
        try await Reports.of(service(.address("ledger.example.internal"), server)) { reports in
            try await reports.wait("all addresses") { records, _ in records.endpoints.count == 120 }
        }
    }

    @Test func asksAgainAndSaysWhenNobodyAnswers() async throws {
        let scratch = Scratch()
        _ = scratch.file("hosts", "10.9.0.1 ledger.example.internal\n")
        let server = try await Self.server(["--addn-hosts=\(scratch.path)/hosts"])
        try await Reports.of(service(.address("ledger.example.internal"), server)) { reports in
            try await reports.wait("the address") { records, _ in records.endpoints == ["ledger 10.9.0.1:7300"] }
            _ = scratch.file("hosts", "10.9.0.2 ledger.example.internal\n")
            server.stop()
            try await server.start()
            try await reports.wait("the other address", within: .seconds(12)) { records, _ in records.endpoints == ["ledger 10.9.0.2:7300"]
            }
            server.stop()
            let failure = try await reports.waitForFailure(within: .seconds(15))
            #expect(failure.code == .unreachable && failure.what.contains("\(server.address)"))
        }
    }
}
