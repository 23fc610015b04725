internal import MeshConfig
internal import MeshPolicy
internal import MeshTypes

/// Reads the records of one file: a mapping of `nodes:`, `services:` and `workloads:`, a list of services, one service, or one node.
struct RecordReader {
    private static let serviceKeys = ["service", "namespace", "host", "port", "protocol", "metadata", "nodes", "endpoints"]
    private static let defaultTunnelPort: UInt16 = 15008

    private let namespace: String

    init(namespace: String) { self.namespace = namespace }

    func read(_ root: DocumentValue, into records: inout RegistryRecords) {
        if root.isList {
            for element in root.list() ?? [] { service(element, into: &records) }
        } else if root.hasKey("name") {
            node(root, into: &records)
        } else if root.hasKey("service") {
            service(root, into: &records)
        } else if let mapping = root.mapping(keys: ["nodes", "services", "workloads"]) {
            for value in mapping["nodes"]?.list() ?? [] { node(value, into: &records) }
            for value in mapping["services"]?.list() ?? [] { service(value, into: &records) }
            for value in mapping["workloads"]?.list() ?? [] { workload(value, into: &records) }
        }
    }

    private func node(_ value: DocumentValue, into records: inout RegistryRecords) {
        guard let mapping = value.mapping(keys: ["name", "address", "zone", "region", "tunnel_port"]) else { return }
        let name = mapping.required("name")?.text()
        let address = mapping.required("address")?.address()
        let port = mapping["tunnel_port"]?.port() ?? Self.defaultTunnelPort
        guard let name, let address else { return }
        let locality = Locality(region: mapping["region"]?.text() ?? "", zone: mapping["zone"]?.text() ?? "", node: name)
        let node = Node(locality: locality, tunnel: SocketAddress(ip: address, port: port))
        records.nodes.append(RegistryRecords.NodeRecord(node: node, location: value.location))
    }

    private func service(_ value: DocumentValue, into records: inout RegistryRecords) {
        guard let mapping = value.mapping(keys: Self.serviceKeys) else { return }
        let name = mapping.required("service")?.serviceName()
        let port = mapping.required("port")?.port()
        let namespace = mapping["namespace"]?.label() ?? namespace
        let metadata = mapping["metadata"]?.mapping(keys: ["team", "version", "zone", "region"])
        _ = mapping["host"]?.domain()
        let endpoints = (mapping["endpoints"]?.list() ?? []).compactMap(endpoint)
        guard let name, let port else { return }
        records.services.append(
            RegistryRecords.Service(
                identity: ServiceIdentity(namespace: namespace, name: name), port: port,
                applicationProtocol: mapping["protocol"]?.choice(ApplicationProtocol.self) ?? .auto,
                team: metadata?["team"]?.string() ?? "", version: metadata?["version"]?.string() ?? "",
                hosting: mapping["nodes"].map(hosting) ?? .registered, endpoints: endpoints, location: value.location))
    }

    /// `any`, or a list of nodes' names; a node may be named before it is there.
    private func hosting(_ value: DocumentValue) -> HostingNodes {
        if !value.isList, value.string() == "any" { return .any }
        return .named(Set((value.list() ?? []).compactMap { $0.text() }))
    }

    private func endpoint(_ value: DocumentValue) -> RegistryRecords.EndpointRecord? {
        guard let mapping = value.mapping(keys: ["address", "port", "node", "version", "weight", "tunnel"]) else { return nil }
        let address = mapping.required("address")?.address()
        let tunnel = mapping["tunnel"]?.socketAddress()
        if mapping["node"] == nil, mapping["tunnel"] == nil {
            value.report("has neither a `node` nor a `tunnel`", "name the node that it runs on, or the address of its own HBONE peer")
        }
        guard let address else { return nil }
        return RegistryRecords.EndpointRecord(
            address: address, port: mapping["port"]?.port(), node: mapping["node"]?.text(), version: mapping["version"]?.text(),
            weight: mapping["weight"]?.integer(in: 1...10_000) ?? 1, tunnel: tunnel, location: value.location)
    }

    private func workload(_ value: DocumentValue, into records: inout RegistryRecords) {
        guard let mapping = value.mapping(keys: ["service", "namespace", "node", "cgroup", "netns"]) else { return }
        let name = mapping.required("service")?.serviceName()
        let node = mapping.required("node")?.text()
        let cgroup = mapping.required("cgroup")?.absolutePath()
        let namespace = mapping["namespace"]?.label() ?? namespace
        let isHost = mapping["netns"]?.string() == "host"
        let path = isHost ? nil : mapping["netns"]?.absolutePath()
        guard let name, let node, let cgroup else { return }
        let workload = Workload(
            service: ServiceIdentity(namespace: namespace, name: name), cgroup: cgroup, networkNamespace: path, sharesNodeNamespace: isHost)
        records.workloads.append(RegistryRecords.WorkloadRecord(workload: workload, node: node, location: value.location))
    }
}
