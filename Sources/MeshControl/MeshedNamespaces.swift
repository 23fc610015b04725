internal import MeshBPF
internal import MeshDataPlane
internal import MeshSystem
internal import MeshTypes

/// The network namespaces under capture: each is guarded and has the daemon's listeners while a workload is in it.
struct MeshedNamespaces {
    /// One of them.
    struct Entry {
        let index: NamespaceIndex
        let cookie: UInt64
        var addresses: Set<IPAddress>
        var workloads: Set<Workload>
        var permissive: Bool
        /// Addresses of the mesh's own at which somebody else sits since before the mesh came.
        var taken: [SocketAddress]
    }

    /// Where somebody else sits, with a workload whose namespace that is.
    var squatted: [(workload: Workload, address: SocketAddress)] {
        entries.values.flatMap { entry in
            entry.workloads.prefix(1).flatMap { workload in entry.taken.map { (workload, $0) } }
        }
    }

    private let capture: Capture
    private let dataPlane: DataPlane
    private let names: NameServer
    private let kept: KeptSockets
    /// Of the daemon before this one, by cookie: connections that wait were captured under these indices.
    private var remembered: [UInt64: NamespaceIndex]
    private var entries: [NetworkNamespace.Identity: Entry] = [:]
    /// Devices that lead past the filter, for each namespace that has any.
    private(set) var unfiltered: [NamespaceIndex: String] = [:]
    private var freeIndices: [UInt32] = []
    private var nextIndex: UInt32 = 1

    init(capture: Capture, dataPlane: DataPlane, names: NameServer, kept: KeptSockets) {
        self.kept = kept
        remembered = capture.namespaces()
        self.capture = capture
        self.dataPlane = dataPlane
        self.names = names
    }

    /// Whom a namespace is readied for.
    struct Occupant {
        let workload: Workload
        let id: WorkloadID
        let service: ServiceID
        let permissive: Bool

        var guardKind: GuardKind { workload.sharesNodeNamespace ? .node : .pod(workload: id, service: service) }
    }

    /// Readies a namespace on its first workload; later ones share it. Also follows what changed in it.
    mutating func enter(_ namespace: borrowing NetworkNamespace, _ occupant: Occupant) throws(EnrolmentFailure) -> Entry {
        do throws(SystemError) {
            let identity = try namespace.identity()
            var entry: Entry
            if let known = entries[identity] {
                entry = known
                entry.addresses = try namespace.enter { () throws(SystemError) in try InterfaceAddresses.all() }
                try resolveAgain(namespace, &entry)
            } else {
                entry = try open(namespace, occupant)
            }
            if entry.permissive != occupant.permissive, entry.index != .node {
                try changeGuard(namespace, entry.index, occupant)
                entry.permissive = occupant.permissive
            }
            try filter(namespace, entry.index, occupant)
            entry.workloads.insert(occupant.workload)
            entries[identity] = entry
            return entry
        } catch { throw EnrolmentFailure(error) }
    }

    /// Whoever had the resolver's port may be gone.
    private func resolveAgain(_ namespace: borrowing NetworkNamespace, _ entry: inout Entry) throws(SystemError) {
        let missing = entry.taken.filter { $0.port == Capture.resolverPort }
        guard !missing.isEmpty else { return }
        let resolvers = try NamespaceResolvers.open(missing.map(\.ip), in: namespace, cookie: entry.cookie, kept: kept)
        entry.taken = entry.taken.filter { $0.port != Capture.resolverPort } + resolvers.taken
        try resolvers.handOver(to: names, capture, as: entry.index)
    }

    private mutating func open(_ namespace: borrowing NetworkNamespace, _ occupant: Occupant) throws(SystemError) -> Entry {
        let cookie = try namespace.cookie()
        let index = takeIndex(for: occupant.workload, cookie)
        do throws(SystemError) {
            return try ready(namespace, index, cookie, occupant)
        } catch {
            release(index, cookie)
            throw error
        }
    }

    private mutating func takeIndex(for workload: Workload, _ cookie: UInt64) -> NamespaceIndex {
        if workload.sharesNodeNamespace { return .node }
        if let known = remembered.removeValue(forKey: cookie), known != .node { return known }
        if let free = freeIndices.popLast() { return NamespaceIndex(rawValue: free) }
        let taken = Set(entries.values.map(\.index.rawValue)).union(remembered.values.map(\.rawValue))
        while taken.contains(nextIndex) { nextIndex += 1 }
        defer { nextIndex += 1 }
        return NamespaceIndex(rawValue: nextIndex)
    }

    /// What the daemon before this one had in namespaces that nobody is captured in any more goes.
    mutating func forgetStrangers() {
        for (_, index) in remembered where index != .node {
            capture.forget(index)
            if index.rawValue < nextIndex { freeIndices.append(index.rawValue) }
        }
        remembered = [:]
        capture.sweepGuards()
        kept.sweep()
    }

    /// The last workload of a namespace takes guard and listeners with it.
    mutating func leave(_ workload: Workload) {
        for (identity, var entry) in entries where entry.workloads.contains(workload) {
            entry.workloads.remove(workload)
            entries[identity] = entry.workloads.isEmpty ? nil : entry
            if entry.workloads.isEmpty { release(entry.index, entry.cookie) }
        }
    }

    private mutating func release(_ index: NamespaceIndex, _ cookie: UInt64) {
        kept.forget(KeptSockets.name(ofNamespace: cookie))
        dataPlane.release(index)
        names.release(index)
        capture.unguard(index)
        unfiltered[index] = nil
        if index != .node { freeIndices.append(index.rawValue) }
    }

    /// The guard comes before the listeners: there is no moment in which the namespace is served but open.
    private mutating func ready(
        _ namespace: borrowing NetworkNamespace, _ index: NamespaceIndex, _ cookie: UInt64, _ occupant: Occupant
    ) throws(SystemError) -> Entry {
        do throws(KernelError) {
            try Capture.prepareNamespace(namespace)
        } catch { throw SystemError(error.operation, code: error.code) }
        try changeGuard(namespace, index, occupant)
        try filter(namespace, index, occupant)
        let sockets = try NamespaceSockets.open(in: namespace, cookie: cookie, kept: kept)
        let addresses = sockets.addresses
        do throws(KernelError) {
            try capture.setListeners(namespace: index, v4: sockets.listener4, v6: sockets.listener6)
        } catch { throw SystemError(error.operation, code: error.code) }
        let resolvers = try NamespaceResolvers.open(in: namespace, cookie: cookie, kept: kept)
        let taken = sockets.taken + resolvers.taken
        try resolvers.handOver(to: names, capture, as: index)
        sockets.handOver(to: dataPlane, as: index, namespace: try namespace.duplicate())
        return Entry(
            index: index, cookie: cookie, addresses: addresses, workloads: [], permissive: occupant.permissive, taken: taken)
    }

    /// What leaves a pod is filtered at the host's end of its devices, before the pod is served.
    private mutating func filter(
        _ namespace: borrowing NetworkNamespace, _ index: NamespaceIndex, _ occupant: Occupant
    ) throws(SystemError) {
        guard index != .node else { return }
        do throws(KernelError) {
            let devices = try capture.filterDevices(of: namespace, index: index)
            unfiltered[index] = devices.isEmpty ? nil : "\(occupant.workload.cgroup): \(devices.joined(separator: ", "))"
        } catch { throw SystemError(error.operation, code: error.code, subject: error.log) }
    }

    private func changeGuard(
        _ namespace: borrowing NetworkNamespace, _ index: NamespaceIndex, _ occupant: Occupant
    ) throws(SystemError) {
        do throws(KernelError) {
            try capture.guard(
                namespace: namespace, index: index, kind: occupant.guardKind, permissive: occupant.permissive)
        } catch { throw SystemError(error.operation, code: error.code, subject: error.log) }
    }
}
