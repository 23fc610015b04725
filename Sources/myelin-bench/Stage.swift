import Foundation

/// Two namespaces joined by a veth pair, an echo server in each, and the directory where configurations and logs lie.
final class Stage {
    static let near = "myelin-bench-a"
    static let far = "myelin-bench-b"
    /// The far node's address, as the near one sees it.
    static let farAddress = "10.199.77.2"
    static let serverPort = 7000

    let cores: Cores
    private let nginx: String
    private let load: LoadGenerator
    let directory: URL
    let certificates: Certificates
    private var servers: [Child] = []
    static let httpPort = 7002
    static let http2Port = 7003
    private let nghttpd: String

    /// - Parameters:
    ///   - nginx: the program that answers HTTP.
    ///   - nghttpd: the program that answers HTTP/2; where there is none, the tables of HTTP/2 say so.
    init(load: LoadGenerator, cores: Cores, nginx: String, nghttpd: String) throws {
        self.nginx = nginx
        self.nghttpd = nghttpd
        self.cores = cores
        self.load = load
        directory = URL(fileURLWithPath: NSTemporaryDirectory()).appendingPathComponent("myelin-bench-\(getpid())")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        certificates = try Certificates(directory: directory.appendingPathComponent("certificates"))
        Self.removeNamespaces()
        try Self.makeNamespaces()
        for namespace in [Self.near, Self.far] {
            servers.append(
                try Child(load.server(port: Self.serverPort), namespace: namespace, core: cores.server, log: log("server-" + namespace)))
        }
        for namespace in [Self.near, Self.far] {
            servers.append(
                try Child(try httpServer(port: Self.httpPort), namespace: namespace, core: cores.server, log: log("http-" + namespace)))
            try Self.awaitListener(port: Self.httpPort, namespace: namespace)
        }
        for namespace in [Self.near, Self.far] { try Self.awaitListener(port: Self.serverPort, namespace: namespace) }
        guard FileManager.default.isExecutableFile(atPath: nghttpd) else { return }
        for namespace in [Self.near, Self.far] {
            servers.append(
                try Child(try http2Server(port: Self.http2Port), namespace: namespace, core: cores.server, log: log("http2-" + namespace)))
            try Self.awaitListener(port: Self.http2Port, namespace: namespace)
        }
    }

    /// The command of a server that speaks HTTP/2 without TLS: 128 bytes for /items/7.
    func http2Server(port: Int) throws -> [String] {
        guard FileManager.default.isExecutableFile(atPath: nghttpd) else {
            throw BenchFailure("\(nghttpd) is missing: install nghttp2-server")
        }
        let directory = directory.appendingPathComponent("htdocs")
        try FileManager.default.createDirectory(at: directory.appendingPathComponent("items"), withIntermediateDirectories: true)
        try Data(repeating: UInt8(ascii: "x"), count: 128).write(to: directory.appendingPathComponent("items/7"))
        return [nghttpd, "--no-tls", "--max-concurrent-streams=1000", "-d", directory.path, String(port)]
    }

    /// The command of an echo server.
    func loadServer(port: Int) -> [String] { load.server(port: port) }

    /// The command of an HTTP server on a port, with a directory of its own for each call.
    func httpServer(port: Int) throws -> [String] {
        let directory = directory.appendingPathComponent("server-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        let file = directory.appendingPathComponent("nginx.conf")
        try NginxPeer.server(listen: port, directory: directory.path).write(to: file, atomically: true, encoding: .utf8)
        return [nginx, "-p", directory.path, "-c", file.path]
    }

    func log(_ name: String) -> URL { directory.appendingPathComponent(name + ".log") }

    func close() {
        servers.forEach { $0.end() }
        Self.removeNamespaces()
        try? FileManager.default.removeItem(at: directory)
    }

    private static func makeNamespaces() throws {
        for namespace in [near, far] {
            try Child.output(["ip", "netns", "add", namespace])
            try Child.output(["ip", "-n", namespace, "link", "set", "lo", "up"])
            try makeRoomForShortConnections(in: namespace)
        }
        try Child.output(["ip", "-n", near, "link", "add", "pair", "type", "veth", "peer", "name", "pair", "netns", far])
        for (namespace, address) in [(near, "10.199.77.1/30"), (far, farAddress + "/30")] {
            try Child.output(["ip", "-n", namespace, "address", "add", address, "dev", "pair"])
            try Child.output(["ip", "-n", namespace, "link", "set", "pair", "up"])
        }
    }

    /// New flows by the ten thousand a second would use up the source ports within a round: the greatest range that spares the
    /// proxies' own ports, and ports in TIME_WAIT are taken again after a second, not only on loopback.
    static func makeRoomForShortConnections(in namespace: String) throws {
        for setting in ["net.ipv4.ip_local_port_range=16384 65535", "net.ipv4.tcp_tw_reuse=1"] {
            try Child.output(["ip", "netns", "exec", namespace, "sysctl", "-qw", setting])
        }
    }

    /// Also of a run that was killed.
    private static func removeNamespaces() {
        for namespace in [near, far] { _ = try? Child.output(["ip", "netns", "delete", namespace]) }
    }

    /// Waits up to ten seconds until something listens on `port`.
    static func awaitListener(port: Int, namespace: String) throws {
        let deadline = Date().addingTimeInterval(10)
        while Date() < deadline {
            let listening = (try? Child.output(["ip", "netns", "exec", namespace, "ss", "-Hltn", "sport = :\(port)"])) ?? ""
            if !listening.isEmpty { return }
            usleep(50_000)
        }
        throw BenchFailure("nothing listens on port \(port) after 10 s")
    }
}
