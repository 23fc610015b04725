/// The contenders of the HTTP tables.
extension Contenders {
    mutating func httpSingle(_ kind: Kind, _ table: Table) throws -> any Contender {
        let port = port()
        let server = "127.0.0.1:\(table.serverPort)"
        let http2 = table.isHTTP2
        let start: StageContender.Start
        switch kind {
        case .haproxy: start = try haproxy(HAProxyPeer.http(listen: port, to: server, http2: http2), port, Stage.near)
        case .nginx: start = try nginx(port, Stage.near) { NginxPeer.http(listen: port, to: server, directory: $0) }
        case .envoy, .envoyConnect, .envoyHTTP2, .none, .myelin:
            let upstream = EnvoyPeer.Address(host: "127.0.0.1", port: table.serverPort)
            let configuration = EnvoyPeer.http(listen: .init(host: "127.0.0.1", port: port), to: upstream, http2: http2)
            start = try envoy(configuration, port, Stage.near)
        }
        return try StageContender(kind.rawValue, dial: "127.0.0.1:\(port)", stage: stage, commands: [start])
    }

    mutating func httpPair(_ kind: Kind, _ table: Table) throws -> any Contender {
        let (nearPort, farPort) = (port(), port())
        let server = "127.0.0.1:\(table.serverPort)"
        let far = "\(Stage.farAddress):\(farPort)"
        let certificates = stage.certificates
        let http2 = table.isHTTP2
        let starts: [StageContender.Start]
        switch kind {
        case .haproxy:
            starts = [
                try haproxy(
                    HAProxyPeer.httpFar(listen: farPort, to: server, certificates: certificates, http2: http2), farPort, Stage.far),
                try haproxy(
                    HAProxyPeer.httpNear(listen: nearPort, to: far, certificates: certificates, http2: http2), nearPort, Stage.near),
            ]
        case .nginx:
            starts = [
                try nginx(farPort, Stage.far) { NginxPeer.httpFar(listen: farPort, to: server, certificates: certificates, directory: $0) },
                try nginx(nearPort, Stage.near) {
                    NginxPeer.httpNear(listen: nearPort, to: far, certificates: certificates, directory: $0)
                },
            ]
        case .envoy, .envoyConnect, .envoyHTTP2, .none, .myelin:
            let target = EnvoyPeer.Address(host: "127.0.0.1", port: table.serverPort)
            let shares = http2 || kind == .envoyHTTP2
            let farSide = EnvoyPeer.httpFar(
                listen: .init(host: "0.0.0.0", port: farPort), to: target, certificates: certificates, http2: shares, server: http2)
            let nearSide = EnvoyPeer.httpNear(
                listen: .init(host: "127.0.0.1", port: nearPort), to: .init(host: Stage.farAddress, port: farPort),
                certificates: certificates, http2: shares)
            starts = [try envoy(farSide, farPort, Stage.far), try envoy(nearSide, nearPort, Stage.near)]
        }
        return try StageContender(kind.rawValue, dial: "127.0.0.1:\(nearPort)", stage: stage, commands: starts)
    }
}

extension Table {
    /// The port of the server that all contenders of the table stand before.
    var serverPort: Int { isHTTP2 ? Stage.http2Port : isHTTP ? Stage.httpPort : Stage.serverPort }
}
