internal import CMyelinABI
package import MeshTypes

/// Whom the processes of a cgroup are.
package struct WorkloadEntry: KernelLayout {
    package var workload: WorkloadID
    package var service: ServiceID
    /// The namespace whose listeners take its connections.
    package var namespace: NamespaceIndex
    package var sharesNodeNamespace: Bool
    /// Not meshed: every hook lets it pass.
    package var exempt: Bool
    /// Plaintext from outside is accepted, and counted.
    package var permissive: Bool
    /// The daemon's own cgroup, entered by `Capture.attach`.
    let isDaemon: Bool
    /// Nobody: see `closed`.
    var isClosed = false

    package init(
        workload: WorkloadID, service: ServiceID, namespace: NamespaceIndex, sharesNodeNamespace: Bool = false,
        exempt: Bool = false, permissive: Bool = false
    ) {
        self.init(
            workload: workload, service: service, namespace: namespace, sharesNodeNamespace: sharesNodeNamespace,
            exempt: exempt, permissive: permissive, isDaemon: false)
    }

    private init(
        workload: WorkloadID, service: ServiceID, namespace: NamespaceIndex, sharesNodeNamespace: Bool,
        exempt: Bool, permissive: Bool, isDaemon: Bool
    ) {
        self.workload = workload
        self.service = service
        self.namespace = namespace
        self.sharesNodeNamespace = sharesNodeNamespace
        self.exempt = exempt
        self.permissive = permissive
        self.isDaemon = isDaemon
    }

    static let daemon = WorkloadEntry(
        workload: .none, service: .none, namespace: .node, sharesNodeNamespace: true, exempt: true, permissive: false,
        isDaemon: true)

    /// Refuses every process below the cgroup that has no deeper entry, whatever becomes of unknown ones elsewhere.
    package static let closed: WorkloadEntry = {
        var entry = WorkloadEntry(workload: .none, service: .none, namespace: .node)
        entry.isClosed = true
        return entry
    }()

    var raw: myelin_workload {
        var flags: UInt32 = 0
        if sharesNodeNamespace { flags |= UInt32(MYELIN_WORKLOAD_HOST_NETNS) }
        if exempt { flags |= UInt32(MYELIN_WORKLOAD_EXEMPT) }
        if permissive { flags |= UInt32(MYELIN_WORKLOAD_PERMISSIVE) }
        if isDaemon { flags |= UInt32(MYELIN_WORKLOAD_DAEMON) }
        if isClosed { flags |= UInt32(MYELIN_WORKLOAD_CLOSED) }
        return myelin_workload(
            workload: workload.rawValue, service: service.rawValue, flags: flags, netns: namespace.rawValue)
    }

    init(raw: myelin_workload) {
        func has(_ flag: some BinaryInteger) -> Bool { raw.flags & UInt32(flag) != 0 }
        self.init(
            workload: WorkloadID(rawValue: raw.workload), service: ServiceID(rawValue: raw.service),
            namespace: NamespaceIndex(rawValue: raw.netns), sharesNodeNamespace: has(MYELIN_WORKLOAD_HOST_NETNS),
            exempt: has(MYELIN_WORKLOAD_EXEMPT), permissive: has(MYELIN_WORKLOAD_PERMISSIVE),
            isDaemon: has(MYELIN_WORKLOAD_DAEMON))
        isClosed = has(MYELIN_WORKLOAD_CLOSED)
    }
}
