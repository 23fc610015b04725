import Foundation
import MeshLab
import Testing

/// Envoy 1.40 as the other end of a tunnel, both ways: HBONE as it speaks it.
@Suite(.serialized) final class EnvoyInteropTests {
    private let lab: Lab
    private let directory: URL
    private static let size = "\(64 << 20)"

    init() throws {
        let services = [
            Topology.Service("peer", port: 7009, program: .idle, on: [.pod("node-2")], policy: "allow: [hash, foreign]\n"),
            Topology.Service("stranger", port: 7010, program: .idle, on: [.pod("node-2")], policy: "allow: []\n"),
            Topology.Service(
                "hash", port: 7001, program: .command([Binaries.load, "hash-serve", "--listen", "[::]:7001"]), on: [.pod("node-1")],
                policy: nil),
        ]
        lab = try Lab.raise(Topology(nodes: Topology.twoNodes, services: services), name: "envoy")
        directory = URL(fileURLWithPath: NSTemporaryDirectory()).appendingPathComponent("myelin-interop-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        try lab.startDaemons()
    }

    deinit {
        try? lab.lower()
        try? FileManager.default.removeItem(at: directory)
    }

    private func spiffe(_ service: String) -> String { "spiffe://\(lab.plan.topology.trustDomain)/ns/default/sa/\(service)" }

    private func credential(_ service: String) throws -> EnvoyConfiguration.Credential {
        try ForeignCredential.issue(
            service: service, trustDomain: lab.plan.topology.trustDomain, authority: URL(fileURLWithPath: lab.directory + "/ca"),
            directory: directory)
    }

    /// Envoy on node-2 dials node-1's daemon as `service`; returns what a transfer through it came to.
    private func transfer(as service: String, port: Int) throws -> CommandResult {
        let hash = lab.workload("hash")
        let client = EnvoyConfiguration.client(
            .init(
                credential: try credential(service), listen: .init(host: "127.0.0.1", port: port),
                node: .init(host: lab.nodes[0].ipv4, port: 15008), endpoint: .init(host: hash.ipv4, port: Int(hash.port)),
                serverName: "hash.default.svc", expected: spiffe("hash")))
        let namespace = "/run/netns/\(lab.nodes[1].namespace)-outside"
        let envoy = try EnvoyProcess(client, namespace: namespace, listening: port, directory: directory)
        defer { envoy.end() }
        return try lab.runOutside(
            lab.nodes[1], [Binaries.load, "send", "--connect", "127.0.0.1:\(port)", "--bytes", Self.size, "--timeout", "5"])
    }

    @Test func envoyTunnelsToOurPort() throws {
        let result = try transfer(as: "peer", port: 15181)
        #expect(result.succeeded, "\(result)")
        let line = try awaitLine(on: lab.nodes[0]) { $0.contains(spiffe("peer")) && $0.contains("\"reporter\":\"destination\"") }
        #expect(line?.contains("\"identity_verified\":true") == true)
        #expect(line?.contains("\"bytes_sent\":\(Self.size)") == true, "\(line ?? "")")
    }

    @Test func policyHoldsForEnvoyToo() throws {
        let result = try transfer(as: "stranger", port: 15182)
        #expect(!result.succeeded)
        let line = try awaitLine(on: lab.nodes[0]) { $0.contains(spiffe("stranger")) }
        #expect(line?.contains("\"reason\":\"not_allowed\"") == true, "\(line ?? "no line")")
    }

    @Test func weTunnelToEnvoy() throws {
        let far = lab.nodes[0]
        let namespace = "/run/netns/\(far.namespace)-outside"
        let server = EnvoyConfiguration.server(
            .init(
                credential: try credential("foreign"), listen: .init(host: far.outsideIPv4, port: 15443),
                workload: .init(host: "127.0.0.1", port: 7301), admitted: [spiffe("peer")]))
        let envoy = try EnvoyProcess(server, namespace: namespace, listening: 15443, directory: directory)
        defer { envoy.end() }
        let plain = Process()
        plain.executableURL = URL(fileURLWithPath: "/usr/bin/nsenter")
        plain.arguments = ["--net=" + namespace, Binaries.load, "hash-serve", "--listen", "127.0.0.1:7301"]
        try plain.run()
        defer {
            kill(plain.processIdentifier, SIGKILL)
            plain.waitUntilExit()
        }
        let text = """
            services:
              - {service: foreign, port: 7300, endpoints: [{address: \(far.outsideIPv4), port: 7300, tunnel: "\(far.outsideIPv4):15443"}]}
            """
        for node in lab.nodes { try lab.write(registryText: text, file: "foreign.yaml", on: node) }
        // Envoy knows nothing of health feeds: it takes the stream for one more connection of the workload's.
        try lab.write(policy: "allow: []\nhealth: {readiness: {tcp: true}}\n", of: "foreign")
        var result = try send()
        for _ in 0..<20 where !result.succeeded {
            usleep(250_000)
            result = try send()
        }
        #expect(result.succeeded, "\(result); Envoy: \(envoy.output.suffix(500))")
        let line = try awaitLine(on: lab.nodes[1]) { $0.contains(spiffe("foreign")) && $0.contains("\"bytes_sent\":\(Self.size)") }
        #expect(line?.contains("\"path\":\"tunnel\"") == true)
        #expect(try lab.control(lab.nodes[1], ["endpoints", "foreign"]).output.contains("unknown"))
    }

    private func send() throws -> CommandResult {
        try lab.run(
            in: lab.workload("peer"), [Binaries.load, "send", "--connect", "foreign:7300", "--bytes", Self.size, "--timeout", "5"])
    }

    private func awaitLine(on node: LabNode, _ isIt: (String) -> Bool) throws -> String? {
        for _ in 0..<50 {
            if let line = lab.accessLog(node).last(where: isIt) { return line }
            usleep(100_000)
        }
        return nil
    }
}
