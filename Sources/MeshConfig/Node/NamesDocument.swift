package import MeshTypes

extension NodeConfiguration {
    /// `dns:`
    package struct DNS: Sendable {
        /// Which names of services a workload is told: all, or those that its service may call.
        package enum View: String, Sendable, CaseIterable { case all, callable }
        /// What becomes of names of one label that are no service's.
        package enum SingleLabels: String, Sendable, CaseIterable { case refuse, forward }

        /// What becomes of names outside the mesh that the policy of the service does not list: not asked, or asked and counted, to see what
        /// would be refused.
        package enum Foreign: String, Sendable, CaseIterable { case refuse, audit }

        package var domain = "cluster.local"
        /// Asked for names outside the mesh; empty: the servers of `resolverFile`.
        package var upstream: [SocketAddress] = []
        /// Names the node's own name servers.
        package var resolverFile = "/etc/resolv.conf"
        package var foreign = Foreign.refuse
        package var virtualV4 = IPNetwork("240.64.0.0/16")!
        package var virtualV6 = IPNetwork("fd6d:7965:6c69::/96")!
        package var view = View.all
        package var singleLabels = SingleLabels.refuse
        /// Until a query that no upstream answers fails.
        package var timeout = Duration.seconds(4)
        /// The upstreams' bit AD is passed on.
        package var trustAD = false
        /// Megabytes (2²⁰ bytes) of answers from upstream; 0: none are kept.
        package var cacheMegabytes = 8
        /// For how long after its end an answer may be given while no upstream answers.
        package var stale = Duration.seconds(24 * 3600)
    }
}

/// Reads `dns:` of `node.yaml`: what names mean and who is asked for others.
enum NamesDocument {
    private static let keys = [
        "domain", "upstream", "resolv_conf", "foreign", "virtual_v4", "virtual_v6", "view", "single_labels", "timeout", "trust_ad", "cache",
    ]
    /// More servers add nothing but time.
    private static let maximumUpstreams = 8
    private static let maximumMegabytes = 1024
    private static let longestStale = Duration.seconds(7 * 24 * 3600)

    static func read(_ dns: inout NodeConfiguration.DNS, _ value: DocumentValue) {
        guard let mapping = value.mapping(keys: keys) else { return }
        set(&dns.domain, mapping["domain"]?.domain())
        set(&dns.upstream, mapping["upstream"].map(servers))
        set(&dns.resolverFile, mapping["resolv_conf"]?.absolutePath())
        set(&dns.foreign, mapping["foreign"]?.choice(NodeConfiguration.DNS.Foreign.self))
        set(&dns.virtualV4, mapping["virtual_v4"].flatMap { network($0, isV4: true, prefixes: 8...28) })
        set(&dns.virtualV6, mapping["virtual_v6"].flatMap { network($0, isV4: false, prefixes: 32...112) })
        set(&dns.view, mapping["view"]?.choice(NodeConfiguration.DNS.View.self))
        set(&dns.singleLabels, mapping["single_labels"]?.choice(NodeConfiguration.DNS.SingleLabels.self))
        set(&dns.timeout, mapping["timeout"]?.duration(in: .milliseconds(100) ... .seconds(30)))
        set(&dns.trustAD, mapping["trust_ad"]?.bool())
        guard let cache = mapping["cache"]?.mapping(keys: ["megabytes", "stale"]) else { return }
        set(&dns.cacheMegabytes, cache["megabytes"]?.integer(in: 0...maximumMegabytes))
        set(&dns.stale, cache["stale"]?.duration(in: .zero...longestStale))
    }

    private static func set<Value>(_ target: inout Value, _ value: Value?) {
        if let value { target = value }
    }

    private static func servers(_ value: DocumentValue) -> [SocketAddress] {
        let entries = value.list() ?? []
        if entries.count > maximumUpstreams {
            value.report("names \(entries.count) servers, where \(maximumUpstreams) are the most", "keep the nearest ones")
        }
        var servers: [SocketAddress] = []
        for entry in entries {
            guard let server = server(entry) else { continue }
            if server.ip.isMulticast || server.ip == .v4Any || server.ip == .v6Any {
                entry.report("\(server) is no address of one server", "name the address at which it listens")
            }
            if servers.contains(server) { entry.report("\(server) is named twice", "keep one of them") }
            servers.append(server)
        }
        return servers
    }

    /// An address, with port 53 unless it names one.
    static func server(_ value: DocumentValue) -> SocketAddress? {
        guard let text = value.string() else { return nil }
        if let ip = IPAddress(text) { return SocketAddress(ip: ip, port: 53) }
        return value.socketAddress()
    }

    private static func network(_ value: DocumentValue, isV4: Bool, prefixes: ClosedRange<Int>) -> IPNetwork? {
        guard let network = value.network() else { return nil }
        guard network.address.isV4 == isV4, prefixes.contains(network.prefix) else {
            value.report(
                "is \(network), where an \(isV4 ? "IPv4" : "IPv6") network is expected",
                "its prefix must be from /\(prefixes.lowerBound) to /\(prefixes.upperBound)")
            return nil
        }
        return network
    }
}

extension NodeConfiguration.DNS {
    /// As lines of YAML, defaults included.
    var rendered: [String] {
        func quoted(_ text: String) -> String { NodeConfiguration.quoted(text) }
        return [
            "dns:",
            "  domain: \(quoted(domain))",
            "  upstream: [\(upstream.map { quoted("\($0)") }.joined(separator: ", "))]",
            "  resolv_conf: \(quoted(resolverFile))",
            "  foreign: \(foreign.rawValue)",
            "  virtual_v4: \(virtualV4)",
            "  virtual_v6: \(quoted("\(virtualV6)"))",
            "  view: \(view.rawValue)",
            "  single_labels: \(singleLabels.rawValue)",
            "  timeout: \(timeout.short)",
            "  trust_ad: \(trustAD)",
            "  cache: {megabytes: \(cacheMegabytes), stale: \(stale.short)}",
        ]
    }
}
