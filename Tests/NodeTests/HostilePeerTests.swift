import Foundation
import MeshLab
import Testing

/// Peers that are not what they should be, against a daemon's tunnel port.
@Suite(.serialized) final class HostilePeerTests {
    private let lab: Lab
    private let directory: URL

    init() throws {
        let services = [
            Topology.Service("peer", port: 7009, program: .idle, on: [.pod("node-2")], policy: "allow: [echo]\n"),
            Topology.Service(
                "echo", port: 7000, program: .command([Binaries.load, "echo", "--listen", "[::]:7000"]), on: [.pod("node-1")], policy: nil),
            Topology.Service("absent", port: 7011, program: .idle, on: [.pod("node-2")], policy: nil),
        ]
        lab = try Lab.raise(Topology(nodes: Topology.twoNodes, services: services), name: "hostile")
        directory = URL(fileURLWithPath: NSTemporaryDirectory()).appendingPathComponent("myelin-hostile-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        try lab.startDaemons()
    }

    deinit {
        try? lab.lower()
        try? FileManager.default.removeItem(at: directory)
    }

    private var authority: URL { URL(fileURLWithPath: lab.directory + "/ca") }

    private func credential(_ service: String, authority: URL, trustDomain: String = "daarion.city") throws -> [String] {
        let issued = try ForeignCredential.issue(service: service, trustDomain: trustDomain, authority: authority, directory: directory)
        return ["-cert", issued.certificate, "-key", issued.key]
    }

    /// Runs `openssl s_client` against node-1's tunnel port, keeps quiet for a moment, and says whether the daemon kept the connection.
    private func isKept(_ arguments: [String], serverName: String = "echo.default.svc") throws -> Bool {
        let command =
            [
                "openssl", "s_client", "-connect", "\(lab.nodes[0].ipv4):15008", "-servername", serverName, "-alpn", "h2", "-tls1_3",
                "-quiet",
            ]
            + arguments
        let quoted = command.map { "'\($0)'" }.joined(separator: " ")
        // 124: still connected when the time was up.
        return try lab.runOutside(lab.nodes[1], ["sh", "-c", "sleep 3 | timeout 2 \(quoted)"]).status == 124
    }

    private func denials() throws -> String { try lab.control(lab.nodes[0], ["flows", "--denied", "-o", "json"]).output }

    private func serves() throws -> Bool {
        try lab.run(in: lab.workload("peer"), [Binaries.load, "short", "--connect", "echo:7000", "--count", "5"]).succeeded
    }

    @Test func onlyACertificateOfTheMeshsOwnAuthorityOpensATunnel() throws {
        let other = directory.appendingPathComponent("other")
        try FileManager.default.createDirectory(at: other, withIntermediateDirectories: true)
        try ForeignCredential.makeAuthority(in: other)
        #expect(try isKept(credential("peer", authority: authority)), "a good one is kept: the refusals below mean something")
        #expect(try !isKept([]), "no certificate")
        #expect(try !isKept(credential("peer", authority: other)), "another authority's")
        #expect(try !isKept(credential("peer", authority: authority, trustDomain: "elsewhere.city")), "another trust domain's")
        #expect(try !isKept(credential("peer", authority: authority), serverName: "absent.default.svc"), "a service that is not here")
        #expect(try !isKept(credential("peer", authority: authority), serverName: ""), "no service named")
        for _ in 0..<30 where try !denials().contains("peer_unverified") { usleep(100_000) }
        #expect(try denials().contains("peer_unverified"))
        #expect(try serves())
    }

    @Test func anAddressThatIsNoEndpointOfTheServiceIsRefused() throws {
        let issued = try ForeignCredential.issue(service: "peer", trustDomain: "daarion.city", authority: authority, directory: directory)
        let echo = lab.workload("echo")
        let addresses = [(echo.ipv4, 7001), ("127.0.0.1", 7000), (lab.nodes[0].ipv4, 15020), (lab.workload("absent").ipv4, 7011)]
        for (index, target) in addresses.enumerated() {
            let client = EnvoyConfiguration.client(
                .init(
                    credential: issued, listen: .init(host: "127.0.0.1", port: 15190 + index),
                    node: .init(host: lab.nodes[0].ipv4, port: 15008), endpoint: .init(host: target.0, port: target.1),
                    serverName: "echo.default.svc", expected: "spiffe://daarion.city/ns/default/sa/echo"))
            let envoy = try EnvoyProcess(
                client, namespace: "/run/netns/\(lab.nodes[1].namespace)-outside", listening: 15190 + index, directory: directory)
            defer { envoy.end() }
            let result = try lab.runOutside(
                lab.nodes[1], [Binaries.load, "short", "--connect", "127.0.0.1:\(15190 + index)", "--count", "1", "--timeout", "3"])
            #expect(!result.succeeded, "\(target)")
        }
        for _ in 0..<30 where try !denials().contains("not_an_endpoint") { usleep(100_000) }
        #expect(try denials().contains("not_an_endpoint"))
        #expect(try serves())
    }

    /// Raw bytes instead of TLS, and connections that say nothing: they cost a descriptor for a moment and stop nobody.
    @Test func nonsenseAndSilenceOnTheTunnelsPortStopNobody() throws {
        let pid = lab.daemonProcesses(lab.nodes[0])
        let program = """
            import os, socket, time
            silent = [socket.create_connection(('\(lab.nodes[0].ipv4)', 15008)) for _ in range(500)]
            for _ in range(500):
                s = socket.create_connection(('\(lab.nodes[0].ipv4)', 15008)); s.sendall(os.urandom(2000)); s.close()
            time.sleep(1)
            """
        let result = try lab.runOutside(lab.nodes[1], ["/usr/bin/python3", "-c", program])
        #expect(result.succeeded, "\(result)")
        #expect(try serves())
        #expect(lab.daemonProcesses(lab.nodes[0]) == pid)
    }
}
