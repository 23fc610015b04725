/// What happens to the connections of a process that belongs to no known workload.
package enum UnknownWorkloads: Sendable {
    case refuse, pass
}

/// Where capture is attached, and what is kept across restarts.
package struct CaptureOptions: Sendable {
    /// Holds the kernel programs (`*.bpf.o`).
    package var objectDirectory: String
    /// Absolute path of the cgroup v2 directory below which everything is captured.
    package var cgroup: String
    /// Absolute path of the cgroup v2 directory that holds the daemon only: its processes are exempt.
    package var daemonCgroup: String
    /// On a bpffs (mounted if it is not), e.g. `/sys/fs/bpf/myelin/node-1`; made if missing. The layout's version is a directory below it.
    package var pinDirectory: String
    package var unknownWorkloads: UnknownWorkloads

    package init(
        objectDirectory: String, cgroup: String, daemonCgroup: String, pinDirectory: String,
        unknownWorkloads: UnknownWorkloads = .refuse
    ) {
        self.objectDirectory = objectDirectory
        self.cgroup = cgroup
        self.daemonCgroup = daemonCgroup
        self.pinDirectory = pinDirectory
        self.unknownWorkloads = unknownWorkloads
    }
}
