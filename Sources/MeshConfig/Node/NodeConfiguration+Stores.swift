extension NodeConfiguration.Stores {
    /// As `load` reads it.
    func rendered(quoted: (String) -> String) -> [String] {
        var lines: [String] = []
        if let etcd { lines += ["  etcd:"] + etcd.rendered(quoted: quoted).map { "    " + $0 } }
        if let consul { lines += ["  consul:"] + consul.rendered(quoted: quoted).map { "    " + $0 } }
        if !dns.isEmpty { lines += ["  dns:"] + dns.map { "    - {\($0.rendered(quoted: quoted))}" } }
        return lines
    }
}

extension NodeConfiguration.Stores.Etcd {
    fileprivate func rendered(quoted: (String) -> String) -> [String] {
        var lines = ["servers: [\(servers.map { quoted("\($0)") }.joined(separator: ", "))]", "prefix: \(quoted(prefix))"]
        if let username { lines.append("username: \(quoted(username))") }
        if let passwordFile { lines.append("password_file: \(quoted(passwordFile))") }
        return lines + credentials.rendered(quoted: quoted) + exchange.rendered
    }
}

extension NodeConfiguration.Stores.Consul {
    fileprivate func rendered(quoted: (String) -> String) -> [String] {
        var lines = ["agent: \(quoted("\(agent)"))", "prefix: \(quoted(prefix))"]
        if let tokenFile { lines.append("token_file: \(quoted(tokenFile))") }
        if let datacenter { lines.append("datacenter: \(datacenter)") }
        if let namespace { lines.append("namespace: \(namespace)") }
        if let tag { lines.append("tag: \(quoted(tag))") }
        return lines + credentials.rendered(quoted: quoted) + exchange.rendered
    }
}

extension NodeConfiguration.Stores.DNSService {
    fileprivate func rendered(quoted: (String) -> String) -> String {
        let name =
            switch lookup {
            case .srv(let name): "srv: \(quoted(name))"
            case .address(let name): "address: \(quoted(name))"
            }
        return "service: \(service.name), namespace: \(service.namespace), \(name), resolver: \(quoted("\(resolver)")), port: \(port), "
            + "tunnel_port: \(tunnelPort), protocol: \(applicationProtocol.rawValue)"
    }
}

extension NodeConfiguration.Stores.Credentials {
    fileprivate func rendered(quoted: (String) -> String) -> [String] {
        [("ca_file", authorityFile), ("certificate_file", certificateFile), ("key_file", keyFile)].compactMap { key, file in
            file.map { "\(key): \(quoted($0))" }
        }
    }
}

extension NodeConfiguration.Stores.Exchange {
    fileprivate var rendered: [String] { ["signatures: \(signatures.rawValue)", "publish: \(publish)", "lease: \(lease.short)"] }
}
