internal import Foundation
internal import MeshTypes

extension NodeConfiguration {
    /// Bytes of a configuration file.
    package static let maximumSize = 1 << 20

    /// Reads `node.yaml`.
    package static func load(file: String) throws(DocumentErrors) -> NodeConfiguration {
        try read(try Document(file: file, limit: maximumSize))
    }

    /// One file's contents. - Parameter file: what errors call it.
    package static func read(_ bytes: [UInt8], file: String) throws(DocumentErrors) -> NodeConfiguration {
        try read(try Document(bytes: bytes, file: file, limit: maximumSize))
    }

    private static func read(_ document: Document) throws(DocumentErrors) -> NodeConfiguration {
        guard let root = document.root else {
            throw DocumentErrors([
                DocumentError(
                    file: document.file, message: "is empty", suggestion: "it needs at least `node: {name: node-1, address: 10.0.0.1}`")
            ])
        }
        let configuration = root.mapping(keys: NodeDocument.keys).flatMap(NodeDocument.configuration)
        try document.finish()
        guard let configuration else { throw DocumentErrors([DocumentError(file: document.file, message: "cannot be read")]) }
        return configuration
    }
}

/// Reads the sections of `node.yaml`; each leaves the default where a key is absent or wrong.
enum NodeDocument {
    static let keys = [
        "node", "trust_domain", "namespace", "state", "run", "registry", "policy", "aliases", "workers", "capture", "tunnel", "dns", "ca",
        "metrics", "log", "limits", "discovery", "admin", "spiffe",
    ]
    private static let maximumWorkers = 64
    private static let defaultWorkers = 4

    static func configuration(_ root: DocumentMapping) -> NodeConfiguration? {
        guard let node = root.required("node").flatMap(node) else { return nil }
        let cores = ProcessInfo.processInfo.activeProcessorCount
        var result = NodeConfiguration(node: node, workers: min(cores, defaultWorkers))
        set(&result.trustDomain, root["trust_domain"]?.domain())
        set(&result.namespace, root["namespace"]?.label())
        set(&result.stateDirectory, root["state"]?.absolutePath())
        set(&result.runDirectory, root["run"]?.absolutePath())
        set(&result.registry, root["registry"].map { RegistryDocument.registry($0, namespace: result.namespace) })
        set(&result.policy, root["policy"]?.absolutePath())
        set(&result.aliases, root["aliases"].map(aliases))
        set(&result.workers, root["workers"]?.integer(in: 1...maximumWorkers))
        root["capture"].map { read(&result.capture, $0) }
        root["tunnel"].map { read(&result.tunnel, $0) }
        root["dns"].map { NamesDocument.read(&result.dns, $0) }
        set(&result.authority, root["ca"].map(AuthorityDocument.authority))
        set(&result.metrics, root["metrics"]?.mapping(keys: ["listen"])?["listen"].flatMap(loopback))
        root["log"].map { read(&result.log, $0) }
        set(&result.limits, root["limits"].map(LimitsDocument.limits))
        set(&result.discovery, root["discovery"].map { DiscoveryDocument.rules($0, namespace: result.namespace) })
        set(&result.admin, root["admin"].map(AdminDocument.admin))
        set(&result.spiffe, root["spiffe"].map { WorkloadAPIDocument.spiffe($0, root: root) })
        NodeConsistency(configuration: result, root: root).check()
        return result
    }

    private static func set<Value>(_ target: inout Value, _ value: Value?) {
        if let value { target = value }
    }

    private static func node(_ value: DocumentValue) -> NodeConfiguration.Node? {
        guard let mapping = value.mapping(keys: ["name", "address", "zone", "region"]) else { return nil }
        let name = mapping.required("name")?.text()
        let address = mapping.required("address")?.address()
        guard let name, let address else { return nil }
        return NodeConfiguration.Node(
            name: name, address: address, zone: mapping["zone"]?.text() ?? "", region: mapping["region"]?.text() ?? "")
    }

    private static func aliases(_ value: DocumentValue) -> [ServiceName: ServiceName] {
        var result: [ServiceName: ServiceName] = [:]
        for (key, value) in value.pairs() {
            guard let alias = key.serviceName(), let name = value.serviceName() else { continue }
            if alias == name { key.report("is an alias of itself", "remove it") }
            if result[alias] != nil { key.report("the alias \(alias) is declared twice", "keep one of them") }
            result[alias] = name
        }
        for (key, value) in value.pairs() {
            guard let alias = key.plainServiceName, let name = value.plainServiceName, alias != name, result[name] != nil else { continue }
            value.report("\(name) is an alias itself", "name the service itself")
        }
        return result
    }

    private static func read(_ capture: inout NodeConfiguration.Capture, _ value: DocumentValue) {
        let keys = ["cgroup", "daemon_cgroup", "unknown", "closed", "pins", "objects", "direct"]
        guard let mapping = value.mapping(keys: keys) else { return }
        set(&capture.cgroup, mapping["cgroup"]?.absolutePath())
        capture.daemonCgroup = mapping["daemon_cgroup"]?.absolutePath()
        set(&capture.unknown, mapping["unknown"]?.choice(NodeConfiguration.Capture.Unknown.self))
        set(&capture.closed, mapping["closed"]?.list().map(closed))
        set(&capture.pins, mapping["pins"]?.absolutePath())
        capture.objects = mapping["objects"]?.absolutePath()
        set(&capture.direct, mapping["direct"]?.bool())
    }

    /// The root cannot be closed: a node whose own programs may say nothing is what `unknown: refuse` is for.
    private static func closed(_ values: [DocumentValue]) -> [String] {
        values.compactMap { value in
            guard let path = value.absolutePath() else { return nil }
            let parts = path.split(separator: "/")
            if parts.isEmpty { value.report("would close the whole node", "write `unknown: refuse` for that") }
            return "/" + parts.joined(separator: "/")
        }
    }

    private static func read(_ tunnel: inout NodeConfiguration.Tunnel, _ value: DocumentValue) {
        guard let mapping = value.mapping(keys: ["port", "keepalive", "connect_timeout"]) else { return }
        set(&tunnel.port, mapping["port"]?.port())
        set(&tunnel.keepalive, mapping["keepalive"]?.duration(in: .seconds(1) ... .seconds(3600)))
        set(&tunnel.connectTimeout, mapping["connect_timeout"]?.duration(in: .milliseconds(10) ... .seconds(300)))
    }

    private static func loopback(_ value: DocumentValue) -> SocketAddress? {
        guard let address = value.socketAddress() else { return nil }
        if address.ip.isLoopback { return address }
        value.report("is \(address), where a loopback address is expected", "metrics name services and callers: use 127.0.0.1 or [::1]")
        return nil
    }

    private static func read(_ log: inout NodeConfiguration.Log, _ value: DocumentValue) {
        guard let mapping = value.mapping(keys: ["access", "level"]) else { return }
        set(&log.level, mapping["level"]?.choice(NodeConfiguration.Log.Level.self))
        guard let access = mapping["access"] else { return }
        switch access.string() {
        case "stdout", nil: log.access = nil
        case "off": log.access = ""
        default: log.access = access.absolutePath()
        }
    }
}
