package import MeshTypes

extension NodeConfiguration {
    /// `ca:`; who signs the certificates of this node's services.
    package struct Authority: Sendable {
        package static let defaultPort: UInt16 = 15012

        /// nil: `ca` in the state directory.
        package var directory: String?
        package var lifetime = Duration.seconds(24 * 3600)
        /// Where other nodes ask the authority that this one carries; nil: nowhere.
        package var serve: SocketAddress?
        /// The authority is elsewhere; in order of preference.
        package var servers: [SocketAddress] = []
        /// Holds this node's join token.
        package var tokenFile: String?
        /// Other authorities under the same root: what they revoke is refused here too.
        package var peers: [SocketAddress] = []
        /// Signs in place of a root of its own.
        package var intermediate: Intermediate?

        package init() {}
    }

    /// `ca.intermediate:`; PEM files.
    package struct Intermediate: Sendable, Equatable {
        package var certificate: String
        package var key: String
        package var roots: String
    }
}

/// Reads `ca:` of `node.yaml`.
enum AuthorityDocument {
    private static let keys = ["directory", "lifetime", "serve", "servers", "token_file", "intermediate", "peers"]
    private static let maximumServers = 16
    private static let maximumPeers = 4

    static func authority(_ value: DocumentValue) -> NodeConfiguration.Authority {
        var authority = NodeConfiguration.Authority()
        guard let mapping = value.mapping(keys: keys) else { return authority }
        authority.directory = mapping["directory"]?.absolutePath()
        if let lifetime = mapping["lifetime"]?.duration(in: .seconds(60) ... .seconds(7 * 24 * 3600)) { authority.lifetime = lifetime }
        authority.serve = mapping["serve"]?.mapping(keys: ["listen"])?.required("listen").flatMap(address)
        authority.servers = mapping["servers"].map { servers($0, most: maximumServers) } ?? []
        authority.peers = mapping["peers"].map { servers($0, most: maximumPeers) } ?? []
        authority.tokenFile = mapping["token_file"]?.absolutePath()
        authority.intermediate = mapping["intermediate"].flatMap(intermediate)
        checkContradictions(mapping)
        return authority
    }

    /// A node carries the authority or asks for it.
    private static func checkContradictions(_ mapping: DocumentMapping) {
        if mapping["servers"] != nil {
            for key in ["directory", "serve", "intermediate", "peers"] where mapping[key] != nil {
                mapping[key]?.report(
                    "`\(key)` beside `servers`: this node would carry an authority and ask for another one",
                    "keep `servers` on nodes that ask, and `\(key)` on the one that carries the authority")
            }
        } else {
            mapping["token_file"]?.report(
                "a join token without `servers`: there is nobody to join", "name the authority in `servers`, or leave it out")
        }
    }

    private static func servers(_ value: DocumentValue, most: Int) -> [SocketAddress] {
        guard let list = value.list() else { return [] }
        if list.isEmpty { value.report("names no server", "write it as [\"10.0.0.1:\(NodeConfiguration.Authority.defaultPort)\"]") }
        if list.count > most { value.report("names \(list.count) servers, where \(most) are the most", "leave some out") }
        var found: [SocketAddress] = []
        for entry in list {
            guard let server = address(entry) else { continue }
            if server.ip == .v4Any || server.ip == .v6Any {
                entry.report("\(server) is no address of one machine", "name the address at which the authority listens")
            }
            if found.contains(server) { entry.report("\(server) is named twice", "remove one") }
            found.append(server)
        }
        return found
    }

    /// An address, with the authority's port unless it names one.
    private static func address(_ value: DocumentValue) -> SocketAddress? {
        guard let text = value.string() else { return nil }
        if let ip = IPAddress(text) { return SocketAddress(ip: ip, port: NodeConfiguration.Authority.defaultPort) }
        return value.socketAddress()
    }

    private static func intermediate(_ value: DocumentValue) -> NodeConfiguration.Intermediate? {
        guard let mapping = value.mapping(keys: ["certificate", "key", "roots"]) else { return nil }
        let certificate = mapping.required("certificate")?.absolutePath()
        let key = mapping.required("key")?.absolutePath()
        let roots = mapping.required("roots")?.absolutePath()
        guard let certificate, let key, let roots else { return nil }
        return NodeConfiguration.Intermediate(certificate: certificate, key: key, roots: roots)
    }

    /// What `ca:` alone cannot show.
    static func check(_ configuration: NodeConfiguration, _ root: DocumentMapping) {
        let authority = configuration.authority
        if let serve = authority.serve, serve.port == configuration.tunnel.port || serve.port == configuration.metrics.port {
            root["ca"]?.report(
                "the authority has port \(serve.port), which the tunnel or the metrics have",
                "use \(NodeConfiguration.Authority.defaultPort)")
        }
        if let serve = authority.serve, authority.peers.contains(serve) {
            root["ca"]?.report("`peers` names this authority itself", "name the other ones")
        }
        guard authority.serve != nil || !authority.servers.isEmpty, !NodeIdentity.isName(configuration.node.name) else { return }
        root["node"]?.report(
            "the name cannot stand in a node's certificate",
            "use letters, digits, dots, dashes and underscores, at most \(NodeIdentity.maximumName)")
    }

    static func rendered(_ configuration: NodeConfiguration, quoted: (String) -> String) -> String {
        let authority = configuration.authority
        var parts: [String] = []
        if authority.servers.isEmpty {
            parts.append("directory: \(quoted(configuration.authorityDirectory))")
        } else {
            parts.append("servers: [\(authority.servers.map { quoted("\($0)") }.joined(separator: ", "))]")
        }
        if let file = authority.tokenFile { parts.append("token_file: \(quoted(file))") }
        parts.append("lifetime: \(authority.lifetime.short)")
        if let serve = authority.serve { parts.append("serve: {listen: \(quoted("\(serve)"))}") }
        if !authority.peers.isEmpty {
            parts.append("peers: [\(authority.peers.map { quoted("\($0)") }.joined(separator: ", "))]")
        }
        if let own = authority.intermediate {
            parts.append(
                "intermediate: {certificate: \(quoted(own.certificate)), key: \(quoted(own.key)), roots: \(quoted(own.roots))}")
        }
        return "ca: {\(parts.joined(separator: ", "))}"
    }
}
