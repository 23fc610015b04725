internal import MeshTypes

/// What is closed before anybody knows it.
extension Capture {
    /// Makes the paths that the kernel programs know equal to `paths`; those that are too long to be compared are left out and returned.
    @discardableResult
    package func reconcile(paths: [String: KnownCgroup]) throws(KernelError) -> [String] {
        var wanted: [CgroupPath: KnownCgroup] = [:]
        var tooLong: [String] = []
        for (text, known) in paths {
            if let path = CgroupPath(text) { wanted[path] = known } else { tooLong.append(text) }
        }
        try maps.knownPaths.reconcile(wanted)
        return tooLong.sorted()
    }

    /// What this daemon, or the one before it, wrote of a path.
    package func known(path text: String) -> WorkloadEntry? {
        guard let path = CgroupPath(text), let known = maps.knownPaths.value(path), !known.entry.isClosed else { return nil }
        return known.entry
    }

    /// The greatest number of a workload that a path or a cgroup has.
    package var greatestWorkload: UInt32 {
        let paths = maps.knownPaths.entries.values.map(\.entry.workload.rawValue)
        return (paths + maps.workloads.entries.values.map(\.workload.rawValue)).max() ?? 0
    }

    /// What is below these cgroups and has no entry of its own is refused; the other closed ones are forgotten.
    package func reconcile(closed wanted: Set<UInt64>) throws(KernelError) {
        for (id, entry) in maps.workloads.entries where entry.isClosed && !wanted.contains(id) { try maps.workloads.remove(id) }
        for id in wanted where maps.workloads.entry(id)?.isDaemon != true { try maps.workloads.set(id, .closed) }
    }

    /// Takes note of what the kernel programs entered for a cgroup that was made while nobody looked.
    package func adopt(cgroup id: UInt64) { maps.workloads.adopt(id) }

    /// No path says any more which workload a new cgroup is: all of them are closed.
    package func forgetIdentitiesOfPaths() throws(KernelError) {
        for (path, known) in maps.knownPaths.entries { try maps.knownPaths.set(path, KnownCgroup(.closed, cgroup: known.cgroup)) }
    }
}
