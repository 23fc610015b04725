internal import MeshConfig
internal import MeshPolicy
package import MeshTypes

/// A process group that a rule of `discovery:` found, and how far it is.
package struct DiscoveredInstance: Sendable, Equatable {
    package enum Stage: String, Sendable, CaseIterable {
        /// It has no process yet.
        case empty
        /// Its processes are the service; nobody listens yet.
        case starting
        /// It takes calls, or its health checks say whether it does.
        case listening
        /// Its rule has no port: it only calls others.
        case caller
        /// It cannot be used as the rule says.
        case invalid
    }

    package let service: ServiceIdentity?
    package let cgroup: String
    package let stage: Stage
    /// Where it listens.
    package let addresses: [SocketAddress]
    /// Why it is not further.
    package let reason: String?
    var workload: Workload?
    package let version: String
    let rule: DiscoveryRule
}

extension [DiscoveredInstance] {
    /// As the source reports them.
    func records(node: String) -> RegistryRecords {
        var records = RegistryRecords()
        var positions: [ServiceIdentity: Int] = [:]
        for instance in self {
            guard let service = instance.service, let workload = instance.workload else { continue }
            let location = instance.rule.location
            let position: Int
            if let known = positions[service] {
                position = known
            } else {
                position = records.services.count
                positions[service] = position
                records.services.append(
                    RegistryRecords.Service(
                        identity: service, port: instance.rule.servicePort, applicationProtocol: instance.rule.applicationProtocol,
                        location: location))
            }
            records.workloads.append(RegistryRecords.WorkloadRecord(workload: workload, node: node, location: location))
            for address in instance.addresses where !records.services[position].endpoints.contains(where: { $0.isAt(address) }) {
                records.services[position].endpoints.append(
                    RegistryRecords.EndpointRecord(
                        address: address.ip, port: address.port, node: node, version: instance.version, weight: instance.rule.weight,
                        location: location))
            }
        }
        return records
    }
}

extension RegistryRecords.EndpointRecord {
    fileprivate func isAt(_ other: SocketAddress) -> Bool { address == other.ip && port == other.port }
}
