import Foundation

/// The other proxies' programs.
struct Binaries {
    let envoy: String?
    let haproxy: String
    let nginx: String
    let nghttpd: String
}

/// Makes the contenders of each table.
struct Contenders {
    let stage: Stage
    let binaries: Binaries
    /// What could not be started, and why.
    private(set) var missing: [String] = []
    private var nextPort = 15100

    init(stage: Stage, binaries: Binaries) {
        self.stage = stage
        self.binaries = binaries
    }

    /// All contenders of `table` that `wanted` names (nil: all) and that start.
    mutating func start(_ table: Table, wanted: Set<String>?) -> [any Contender] {
        var started: [any Contender] = []
        if table.isHTTP2 { missing.append("\(table.rawValue), nginx: it does not speak HTTP/2 to the servers behind it") }
        for kind in Kind.allCases where kind.stands(in: table) && wanted?.contains(kind.rawValue) ?? true {
            do {
                started.append(try make(kind, table))
            } catch {
                missing.append("\(table.rawValue), \(kind.rawValue): \(error)")
            }
        }
        return started
    }

    enum Kind: String, CaseIterable {
        case none, myelin, envoy, envoyConnect = "envoy-connect", envoyHTTP2 = "envoy-h2", haproxy, nginx

        func stands(in table: Table) -> Bool {
            switch (self, table) {
            case (.none, _), (.myelin, _): true
            case (_, .sameNode): false
            case (.envoyConnect, _): table == .pair
            case (.envoyHTTP2, _): table == .httpPair
            // It speaks HTTP/2 to clients only; `notes` says so.
            case (.nginx, .http2), (.nginx, .http2Pair): false
            case (.envoy, _), (.haproxy, _), (.nginx, _): true
            }
        }
    }

    private mutating func make(_ kind: Kind, _ table: Table) throws -> any Contender {
        switch (kind, table) {
        case (.none, .pair): return try StageContender(kind.rawValue, dial: "\(Stage.farAddress):\(Stage.serverPort)", stage: stage)
        case (.none, .sameNode): return try lab(kind, table, isMeshed: false)
        case (.none, .http): return try StageContender(kind.rawValue, dial: "127.0.0.1:\(Stage.httpPort)", stage: stage)
        case (.none, .httpPair): return try StageContender(kind.rawValue, dial: "\(Stage.farAddress):\(Stage.httpPort)", stage: stage)
        case (.none, .http2): return try StageContender(kind.rawValue, dial: "127.0.0.1:\(Stage.http2Port)", stage: stage)
        case (.none, .http2Pair): return try StageContender(kind.rawValue, dial: "\(Stage.farAddress):\(Stage.http2Port)", stage: stage)
        case (.none, .plain): return try StageContender(kind.rawValue, dial: "127.0.0.1:\(Stage.serverPort)", stage: stage)
        case (.myelin, _): return try lab(kind, table, isMeshed: true)
        case (_, .pair): return try pair(kind)
        case (_, .http), (_, .http2): return try httpSingle(kind, table)
        case (_, .httpPair), (_, .http2Pair): return try httpPair(kind, table)
        case (_, _): return try single(kind)
        }
    }

    private func lab(_ kind: Kind, _ table: Table, isMeshed: Bool) throws -> LabContender {
        let server =
            table.isHTTP2
            ? try stage.http2Server(port: table.serverPort)
            : table.isHTTP ? try stage.httpServer(port: table.serverPort) : stage.loadServer(port: table.serverPort)
        return try LabContender(kind.rawValue, table, server: server, cores: stage.cores, isMeshed: isMeshed)
    }

    mutating func port() -> Int {
        nextPort += 1
        return nextPort
    }

    private mutating func single(_ kind: Kind) throws -> any Contender {
        let port = port()
        let server = "127.0.0.1:\(Stage.serverPort)"
        let start: StageContender.Start
        switch kind {
        case .haproxy:
            start = try haproxy(HAProxyPeer.plain(listen: port, to: server), port, Stage.near)
        case .nginx:
            start = try nginx(port, Stage.near) { NginxPeer.plain(listen: port, to: server, directory: $0) }
        case .envoy, .envoyConnect, .envoyHTTP2, .none, .myelin:
            let upstream = EnvoyPeer.Address(host: "127.0.0.1", port: Stage.serverPort)
            start = try envoy(EnvoyPeer.plain(listen: .init(host: "127.0.0.1", port: port), to: upstream), port, Stage.near)
        }
        return try StageContender(kind.rawValue, dial: "127.0.0.1:\(port)", stage: stage, commands: [start])
    }

    private mutating func pair(_ kind: Kind) throws -> any Contender {
        let (nearPort, farPort) = (port(), port())
        let server = "127.0.0.1:\(Stage.serverPort)"
        let certificates = stage.certificates
        let far = "\(Stage.farAddress):\(farPort)"
        let starts: [StageContender.Start]
        switch kind {
        case .haproxy:
            starts = [
                try haproxy(HAProxyPeer.far(listen: farPort, to: server, certificates: certificates), farPort, Stage.far),
                try haproxy(HAProxyPeer.near(listen: nearPort, to: far, certificates: certificates), nearPort, Stage.near),
            ]
        case .nginx:
            starts = [
                try nginx(farPort, Stage.far) { NginxPeer.far(listen: farPort, to: server, certificates: certificates, directory: $0) },
                try nginx(nearPort, Stage.near) { NginxPeer.near(listen: nearPort, to: far, certificates: certificates, directory: $0) },
            ]
        case .envoy, .envoyConnect, .envoyHTTP2, .none, .myelin:
            let target = EnvoyPeer.Address(host: "127.0.0.1", port: Stage.serverPort)
            let tunnel = kind == .envoyConnect
            let farSide = EnvoyPeer.far(
                listen: .init(host: "0.0.0.0", port: farPort), to: target, certificates: certificates, tunnel: tunnel)
            let nearSide = EnvoyPeer.near(
                listen: .init(host: "127.0.0.1", port: nearPort), to: .init(host: Stage.farAddress, port: farPort),
                certificates: certificates, tunnel: tunnel ? target : nil)
            starts = [try envoy(farSide, farPort, Stage.far), try envoy(nearSide, nearPort, Stage.near)]
        }
        return try StageContender(kind.rawValue, dial: "127.0.0.1:\(nearPort)", stage: stage, commands: starts)
    }

    func envoy(_ configuration: String, _ port: Int, _ namespace: String) throws -> StageContender.Start {
        guard let envoy = binaries.envoy else { throw BenchFailure("no Envoy binary was given") }
        let file = try write(configuration, "envoy-\(port).yaml")
        let command = [envoy, "-c", file, "--concurrency", "1", "--base-id", String(port), "--log-level", "warning"]
        return .init(command: command, namespace: namespace, port: port)
    }

    func haproxy(_ configuration: String, _ port: Int, _ namespace: String) throws -> StageContender.Start {
        .init(
            command: [binaries.haproxy, "-db", "-q", "-f", try write(configuration, "haproxy-\(port).cfg")], namespace: namespace,
            port: port)
    }

    func nginx(_ port: Int, _ namespace: String, _ configuration: (String) -> String) throws -> StageContender.Start {
        let directory = stage.directory.appendingPathComponent("nginx-\(port)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        let file = try write(configuration(directory.path), "nginx-\(port).conf")
        return .init(command: [binaries.nginx, "-p", directory.path, "-c", file], namespace: namespace, port: port)
    }

    private func write(_ text: String, _ name: String) throws -> String {
        let file = stage.directory.appendingPathComponent(name)
        try text.write(to: file, atomically: true, encoding: .utf8)
        return file.path
    }
}
