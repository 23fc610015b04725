import Foundation
import MeshStores
import MeshTypes

/// Debian's etcd, one member, on ports of loopback.
final class EtcdServer: Sendable {
    let process: StoreProcess
    let url: String
    let scratch: Scratch
    private let tls: TestCertificates?
    private let settings: [String]

    /// - Parameters:
    ///   - directory: where its data lie; nil for a new one.
    ///   - port: nil for a free one.
    init(
        scratch: Scratch = Scratch(), data: String = "data", port: UInt16? = nil, tls: TestCertificates? = nil, _ settings: [String] = []
    ) async throws {
        let port = try port ?? StoreProcess.freePort()
        let peer = try StoreProcess.freePort()
        self.scratch = scratch
        self.tls = tls
        self.settings = settings
        url = "\(tls == nil ? "http" : "https")://127.0.0.1:\(port)"
        var command = [
            "/usr/bin/etcd", "--data-dir", "\(scratch.path)/\(data)", "--listen-client-urls", url, "--advertise-client-urls", url,
            "--listen-peer-urls", "http://127.0.0.1:\(peer)", "--initial-advertise-peer-urls", "http://127.0.0.1:\(peer)",
            "--initial-cluster", "default=http://127.0.0.1:\(peer)", "--heartbeat-interval", "50", "--election-timeout", "500",
        ]
        if let tls {
            command += [
                "--cert-file", tls.certificate, "--key-file", tls.key, "--trusted-ca-file", tls.authority, "--client-cert-auth",
            ]
        }
        process = try await StoreProcess(
            command + settings, address: SocketAddress(ip: .v4Loopback, port: port), log: "etcd.log", in: scratch)
    }

    var options: EtcdOptions {
        var options = EtcdOptions(servers: [url])
        options.timeout = .seconds(1)
        options.lease = .seconds(2)
        return options
    }

    @discardableResult
    func control(_ arguments: String..., user: String? = nil) -> (status: Int32, output: String) {
        var command = ["etcdctl", "--endpoints", url]
        if let tls { command += ["--cacert", tls.authority, "--cert", tls.certificate, "--key", tls.key] }
        if let user { command += ["--user", user] }
        return run(command + arguments, environment: ["ETCDCTL_API": "3"])
    }

    /// Ends it, and starts one at its port with what `snapshot` holds.
    func restored(from snapshot: String) async throws -> EtcdServer {
        process.stop()
        let restored = control("snapshot", "restore", snapshot, "--data-dir", "\(scratch.path)/restored")
        guard restored.status == 0 else { throw StoreProcess.NotStarted(description: restored.output) }
        return try await EtcdServer(scratch: scratch, data: "restored", port: process.address.port)
    }

    func put(_ key: String, _ value: String) { control("put", key, value) }

    func get(_ key: String) -> String {
        control("get", key, "--print-value-only").output.trimmingCharacters(in: .whitespacesAndNewlines)
    }
    func keys(_ prefix: String) -> [String] {
        control("get", prefix, "--prefix", "--keys-only").output.split(separator: "\n").map(String.init)
    }
}

/// An authority of the test's, and a certificate of it for loopback.
struct TestCertificates: Sendable {
    let authority: String
    let certificate: String
    let key: String

    init(in scratch: Scratch) {
        let path = scratch.path
        authority = "\(path)/tls-ca.pem"
        certificate = "\(path)/tls.pem"
        key = "\(path)/tls.key"
        let key256 = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
        run(
            ["openssl", "req", "-x509"] + key256
                + ["-keyout", "\(path)/tls-ca.key", "-out", authority, "-days", "2", "-subj", "/CN=store authority"])
        run(["openssl", "req"] + key256 + ["-keyout", key, "-out", "\(path)/tls.csr", "-subj", "/CN=store"])
        let extensions = scratch.file("tls.ext", "subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth,clientAuth\n")
        run([
            "openssl", "x509", "-req", "-in", "\(path)/tls.csr", "-CA", authority, "-CAkey", "\(path)/tls-ca.key", "-CAcreateserial",
            "-days", "2", "-extfile", extensions, "-out", certificate,
        ])
    }
}
