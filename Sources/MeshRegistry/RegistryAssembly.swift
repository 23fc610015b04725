internal import MeshConfig
internal import MeshPolicy
internal import MeshTypes

/// Puts records of all files together and finds what does not fit.
struct RegistryAssembly {
    private(set) var errors: [DocumentError] = []
    private static let maximumErrors = 100
    /// The daemon's own ports in every namespace: no service can have them.
    private static let reservedPorts: [UInt16: String] = [15001: "the capture listener", 15053: "the resolver"]

    mutating func state(of records: RawRecords) -> RegistryState {
        var state = RegistryState()
        addNodes(records, to: &state)
        let services = addServices(records, to: &state)
        addWorkloads(records, services, to: &state)
        return state
    }

    private mutating func addNodes(_ records: RawRecords, to state: inout RegistryState) {
        var places: [String: RuleLocation] = [:]
        for record in records.nodes {
            if let first = places.updateValue(record.location, forKey: record.node.name) {
                report(record.location, "is a second node \(record.node.name)", "the first is at \(first): keep one")
            }
            state.nodes[record.node.name] = record.node
        }
    }

    private mutating func addServices(_ records: RawRecords, to state: inout RegistryState) -> Set<ServiceIdentity> {
        var places: [ServiceIdentity: RuleLocation] = [:]
        var owners: [SocketAddress: RuleLocation] = [:]
        for (record, endpoints) in records.services {
            if let first = places.updateValue(record.location, forKey: record.identity) {
                report(record.location, "is a second service \(record.identity)", "the first is at \(first): list all endpoints there")
                continue
            }
            var service = record
            for raw in endpoints {
                guard let endpoint = endpoint(raw, of: record, nodes: state.nodes) else { continue }
                if let first = owners.updateValue(raw.location, forKey: endpoint.address) {
                    report(raw.location, "\(endpoint.address) is an endpoint twice", "it is also at \(first)")
                }
                service.endpoints.append(endpoint)
            }
            state.services.append(service)
        }
        state.services.sort { $0.identity < $1.identity }
        return Set(places.keys)
    }

    private mutating func endpoint(
        _ raw: RawRecords.EndpointRecord, of record: ServiceRecord, nodes: [String: Node]
    ) -> Endpoint? {
        let address = SocketAddress(ip: raw.address, port: raw.port ?? record.port)
        if let use = Self.reservedPorts[address.port] {
            report(raw.location, "port \(address.port) is \(use)'s in every namespace", "let the service listen elsewhere")
        }
        if raw.address.isLoopback || raw.address == .v4Any || raw.address == .v6Any {
            report(raw.location, "\(raw.address) cannot be reached from elsewhere", "name the address of the pod or of the node")
        }
        let version = raw.version ?? record.version
        guard let name = raw.node else {
            guard let tunnel = raw.tunnel else { return nil }
            return Endpoint(
                address: address, locality: Locality(region: "", zone: "", node: ""), version: version, weight: raw.weight,
                tunnel: tunnel)
        }
        guard let node = nodes[name] else {
            report(raw.location, "there is no node \"\(name)\"", Self.known(nodes.keys.sorted()))
            return nil
        }
        return Endpoint(
            address: address, locality: node.locality, version: version, weight: raw.weight, tunnel: raw.tunnel ?? node.tunnel)
    }

    private mutating func addWorkloads(
        _ records: RawRecords, _ services: Set<ServiceIdentity>, to state: inout RegistryState
    ) {
        var places: [String: RuleLocation] = [:]
        for record in records.workloads {
            let workload = record.workload
            if state.nodes[record.node] == nil {
                report(record.location, "there is no node \"\(record.node)\"", Self.known(state.nodes.keys.sorted()))
            }
            if !services.contains(workload.service) {
                report(record.location, "there is no service \(workload.service)", "add its record under `services:`")
            }
            if let first = places.updateValue(record.location, forKey: record.node + " " + workload.cgroup) {
                report(record.location, "the cgroup \(workload.cgroup) is two workloads", "the first is at \(first): keep one")
            }
            state.workloads[record.node, default: []].append(workload)
        }
    }

    private static func known(_ names: [String]) -> String {
        names.isEmpty ? "add it under `nodes:`" : "known nodes: \(names.prefix(20).joined(separator: ", "))"
    }

    private mutating func report(_ location: RuleLocation, _ message: String, _ suggestion: String) {
        guard errors.count < Self.maximumErrors else { return }
        errors.append(
            DocumentError(
                file: location.file, line: location.line, column: location.column, message: message, suggestion: suggestion))
    }
}
