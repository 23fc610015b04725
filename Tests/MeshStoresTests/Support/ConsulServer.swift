import Foundation
import MeshStores
import MeshTypes

/// A real Consul agent (scripts/consul.sh gets it from Debian's older release), a server by itself, on ports of loopback.
final class ConsulServer: Sendable {
    /// nil where it could not be had.
    static let program: String? = [".build/peers/consul/usr/bin/consul", "/usr/bin/consul"].first {
        FileManager.default.isExecutableFile(atPath: $0)
    }

    let process: StoreProcess
    let url: String
    let scratch: Scratch
    private let tls: TestCertificates?

    init(
        scratch: Scratch = Scratch(), port: UInt16? = nil, name: String = "agent-1", settings: String = "", tls: TestCertificates? = nil,
        waitsForLeader: Bool = true
    ) async throws {
        let port = try port ?? StoreProcess.freePort()
        let others = try (0..<3).map { _ in try StoreProcess.freePort() }
        self.scratch = scratch
        self.tls = tls
        url = "\(tls == nil ? "http" : "https")://127.0.0.1:\(port)"
        let listeners = tls == nil ? #""http":\#(port)"# : #""http":-1,"https":\#(port)"#
        let files = tls.map {
            #","verify_incoming_https":true,"ca_file":"\#($0.authority)","cert_file":"\#($0.certificate)","key_file":"\#($0.key)""#
        }
        let file = scratch.file(
            "consul.json",
            """
            {"ports":{\(listeners),"grpc":-1,"dns":-1,"server":\(others[0]),"serf_lan":\(others[1]),"serf_wan":\(others[2])},
             "bind_addr":"127.0.0.1","node_name":"\(name)","server":true,"bootstrap_expect":1,"data_dir":"\(scratch.path)/consul",
             "performance":{"raft_multiplier":1},"node_meta":{"zone":"zone-a","region":"eu"},"disable_update_check":true\(settings)\(files ?? "")}
            """)
        process = try await StoreProcess(
            [Self.program ?? "/usr/bin/consul", "agent", "-config-file", file], address: SocketAddress(ip: .v4Loopback, port: port),
            log: "consul.log", in: scratch)
        if waitsForLeader { try await waitForLeader() }
    }

    func waitForLeader() async throws {
        let deadline = ContinuousClock.now + .seconds(20)
        while !ask("GET", "/v1/catalog/nodes").contains("\"Node\"") {
            guard ContinuousClock.now < deadline else { throw StoreProcess.NotStarted(description: "Consul elects no leader") }
            try await Task.sleep(for: .milliseconds(50))
        }
    }

    var options: ConsulOptions {
        var options = ConsulOptions(agent: url)
        options.timeout = .seconds(2)
        options.wait = .seconds(2)
        options.lease = .seconds(2)
        return options
    }

    @discardableResult
    func ask(_ method: String, _ path: String, _ body: String = "", token: String? = nil) -> String {
        let header = token.map { ["-H", "X-Consul-Token: \($0)"] } ?? []
        let files = tls.map { ["--cacert", $0.authority, "--cert", $0.certificate, "--key", $0.key] } ?? []
        return run(["curl", "-s", "-m", "5", "-X", method, url + path, "-d", body] + header + files).output
    }
}
