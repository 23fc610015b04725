package import MeshBPF
package import MeshSnapshot
package import MeshTypes

/// What the kernel programs must know of a snapshot: derived, never edited. Pure.
package struct KernelTables: Equatable {
    package private(set) var destinations: [SocketAddress: DestinationEntry] = [:]
    package private(set) var verdicts: [VerdictKey: Verdict] = [:]
    package private(set) var localEndpoints: [ServiceID: [SocketAddress]] = [:]
    /// TCP ports of the node's own namespace that belong to a meshed service.
    package private(set) var nodePorts: [UInt16: PortOwner] = [:]

    /// - Parameters:
    ///   - workloads: those captured on this node; their services are the sources.
    ///   - direct: whether flows between two workloads of this node may go without the daemon.
    package init(_ snapshot: Snapshot, workloads: [EnrolledWorkload], direct: Bool) {
        let sources = Set(workloads.map(\.service))
        for service in snapshot.allServices {
            addDestinations(of: service, in: snapshot)
            let local = service.endpoints.map(\.address).filter { snapshot.delivery($0) != nil }
            // Requests are seen by the daemon only, and only it knows which endpoints are ready.
            let direct = direct && !service.applicationProtocol.mayBeHTTP && service.traffic.health == nil
            if direct, !local.isEmpty {
                localEndpoints[service.id] = Array(local.prefix(Capture.maximumLocalEndpoints))
            }
            for source in sources {
                let decision = snapshot.decide(source: source, destination: service.id)
                let key = VerdictKey(source: source, destination: service.id)
                if !decision.permitted {
                    verdicts[key] = .deny(decision.reason)
                } else {
                    verdicts[key] = direct && !local.isEmpty ? .direct : .proxy
                }
            }
        }
        addNodePorts(snapshot, workloads)
        for (address, destination) in snapshot.loopbackDestinations {
            destinations[address] = DestinationEntry(service: destination.service, isEndpoint: true)
        }
    }

    private mutating func addNodePorts(_ snapshot: Snapshot, _ workloads: [EnrolledWorkload]) {
        for workload in workloads where workload.workload.sharesNodeNamespace {
            guard let service = snapshot.service(workload.service) else { continue }
            for endpoint in service.endpoints + service.resting where snapshot.delivery(endpoint.address)?.namespace == .node {
                nodePorts[endpoint.address.port] = PortOwner(
                    workload: workload.id, service: service.id, permissive: workload.permissive)
            }
        }
    }

    private mutating func addDestinations(of service: SnapshotService, in snapshot: Snapshot) {
        for address in service.virtualAddresses {
            destinations[SocketAddress(ip: address, port: service.port)] = DestinationEntry(
                service: service.id, dead: service.endpoints.isEmpty)
        }
        for endpoint in service.endpoints {
            destinations[endpoint.address] = DestinationEntry(service: service.id, isEndpoint: true)
        }
    }
}
