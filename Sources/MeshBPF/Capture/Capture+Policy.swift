package import MeshTypes

/// What the reconciler writes: who is who, what may be dialled, and the verdicts.
extension Capture {
    /// The DNS slots of the workload that the cgroup was before are forgotten.
    package func setWorkload(cgroup id: UInt64, _ entry: WorkloadEntry) throws(KernelError) {
        let previous = maps.workloads.entry(id).flatMap { $0.isClosed ? nil : $0.workload }
        try maps.workloads.set(id, entry)
        if !entry.exempt { try maps.former.set(id, entry.service) }
        try divideShares()
        if let previous, previous != entry.workload { try forgetSlotsUnlessUsed(of: previous) }
    }

    /// Also forgets the DNS slots of the workload, unless another cgroup has the same one.
    ///
    /// - Parameter isGone: the cgroup exists no more. Listeners that its processes left to their successors are the service's still.
    package func removeWorkload(cgroup id: UInt64, isGone: Bool = false) throws(KernelError) {
        guard let entry = maps.workloads.entry(id), !entry.isDaemon else { return }
        try maps.workloads.remove(id)
        if !isGone { try maps.former.remove(id) }
        try divideShares()
        try forgetSlotsUnlessUsed(of: entry.workload)
    }

    /// Those of a daemon before this one included; without the daemon itself and without closed cgroups.
    package func workloads() -> [UInt64: WorkloadEntry] { maps.workloads.entries.filter { !$0.value.isDaemon && !$0.value.isClosed } }

    package func reconcile(destinations: [SocketAddress: DestinationEntry]) throws(KernelError) {
        try maps.destinations.reconcile(destinations)
    }

    package func reconcile(verdicts: [VerdictKey: Verdict]) throws(KernelError) {
        try maps.verdicts.reconcile(verdicts)
    }

    /// At most eight endpoints a service are used.
    package func reconcile(localEndpoints: [ServiceID: [SocketAddress]]) throws(KernelError) {
        try maps.localEndpoints.reconcile(localEndpoints.mapValues(LocalEndpoints.init))
    }

    /// TCP ports of the node's own namespace on which meshed services listen (for `GuardKind.node`).
    package func reconcile(nodePorts: [UInt16: PortOwner]) throws(KernelError) {
        var wanted: [NodePort: PortOwner] = [:]
        for (port, owner) in nodePorts { wanted[NodePort(port)] = owner }
        try maps.nodePorts.reconcile(wanted)
    }

    /// Who asked which server, for a datagram that the resolver received on the slot's address; nil for a slot that was never given.
    package func dnsSlot(_ slot: UInt32) -> DNSSlot? { maps.dnsSlots.value(DNSSlotNumber(raw: slot)) }

    private func forgetSlotsUnlessUsed(of workload: WorkloadID) throws(KernelError) {
        if maps.workloads.entries.values.contains(where: { $0.workload == workload }) { return }
        for (key, slot) in maps.dnsServers.entries() where key.workload == workload {
            try maps.dnsServers.remove(key)
            try maps.dnsSlots.remove(slot)
        }
        try maps.dnsCounts.remove(DNSWorkload(raw: workload.rawValue))
        try maps.usage.remove(DNSWorkload(raw: workload.rawValue))
    }
}
