internal import CMyelinABI
package import MeshTypes

/// A connection between two workloads of this node that goes without the daemon.
package struct DirectFlow: Sendable, Hashable {
    /// As the caller's socket sees them.
    package let source: SocketAddress
    package let endpoint: SocketAddress
    /// The caller.
    package let workload: WorkloadID
    package let sourceService: ServiceID
    package let destinationService: ServiceID

    package init(
        source: SocketAddress, endpoint: SocketAddress, workload: WorkloadID, sourceService: ServiceID, destinationService: ServiceID
    ) {
        self.source = source
        self.endpoint = endpoint
        self.workload = workload
        self.sourceService = sourceService
        self.destinationService = destinationService
    }
}

extension Capture {
    /// Those that live now: a walk of the kernel's table.
    package func directFlows() -> [DirectFlow] {
        KernelMap<RawFlowKey, RawFlow>(name: "flows", descriptor: maps.flows).entries().map { key, flow in
            DirectFlow(
                source: SocketAddress(raw: key.raw.source), endpoint: SocketAddress(raw: key.raw.destination),
                workload: WorkloadID(rawValue: flow.raw.source_workload), sourceService: ServiceID(rawValue: flow.raw.source_service),
                destinationService: ServiceID(rawValue: flow.raw.destination_service))
        }
    }
}
