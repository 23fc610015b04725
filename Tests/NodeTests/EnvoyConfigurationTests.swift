import Foundation
import Testing

/// The configurations with which Envoy meets our tunnels are sound by themselves.
@Suite(.serialized) struct EnvoyConfigurationTests {
    private let directory: URL

    init() throws {
        directory = URL(fileURLWithPath: NSTemporaryDirectory()).appendingPathComponent("myelin-envoy-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        try ForeignCredential.makeAuthority(in: directory)
    }

    private func credential(_ service: String) throws -> EnvoyConfiguration.Credential {
        try ForeignCredential.issue(service: service, trustDomain: "cluster.local", authority: directory, directory: directory)
    }

    private func configurations() throws -> (client: String, server: String) {
        let client = EnvoyConfiguration.client(
            .init(
                credential: try credential("gateway"), listen: .init(host: "127.0.0.1", port: 15181),
                node: .init(host: "127.0.0.1", port: 15182),
                endpoint: .init(host: "127.0.0.1", port: 15183), serverName: "wallet.default.svc",
                expected: "spiffe://cluster.local/ns/default/sa/wallet"))
        let server = EnvoyConfiguration.server(
            .init(
                credential: try credential("wallet"), listen: .init(host: "127.0.0.1", port: 15182),
                workload: .init(host: "127.0.0.1", port: 15183),
                admitted: ["spiffe://cluster.local/ns/default/sa/gateway"]))
        return (client, server)
    }

    @Test func envoyAcceptsTheConfigurations() throws {
        defer { try? FileManager.default.removeItem(at: directory) }
        let (client, server) = try configurations()
        try EnvoyProcess.validate(client, directory: directory)
        try EnvoyProcess.validate(server, directory: directory)
    }

    @Test func envoyTunnelsToItself() throws {
        let namespace = "myelin-envoy-test"
        _ = try? EnvoyProcess.command(["ip", "netns", "delete", namespace])
        try EnvoyProcess.command(["ip", "netns", "add", namespace])
        defer {
            _ = try? EnvoyProcess.command(["ip", "netns", "delete", namespace])
            try? FileManager.default.removeItem(at: directory)
        }
        try EnvoyProcess.command(["ip", "-n", namespace, "link", "set", "lo", "up"])
        let (client, server) = try configurations()
        let path = "/run/netns/" + namespace
        let far = try EnvoyProcess(server, namespace: path, listening: 15182, directory: directory)
        let near = try EnvoyProcess(client, namespace: path, listening: 15181, directory: directory)
        defer {
            near.end()
            far.end()
        }
        try "hello through Envoy".write(to: directory.appendingPathComponent("index.html"), atomically: true, encoding: .utf8)
        let web = Process()
        web.executableURL = URL(fileURLWithPath: "/usr/bin/nsenter")
        web.arguments = ["--net=" + path, "python3", "-m", "http.server", "15183", "--bind", "127.0.0.1", "--directory", directory.path]
        web.standardOutput = FileHandle.nullDevice
        web.standardError = FileHandle.nullDevice
        try web.run()
        defer {
            kill(web.processIdentifier, SIGKILL)
            web.waitUntilExit()
        }
        let fetch = ["curl", "-s", "--retry", "20", "--retry-all-errors", "--retry-delay", "1", "--max-time", "5"]
        let answer = try EnvoyProcess.command(["nsenter", "--net=" + path] + fetch + ["http://127.0.0.1:15181/index.html"])
        #expect(answer == "hello through Envoy")
    }
}
