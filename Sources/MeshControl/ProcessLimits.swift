internal import Glibc
internal import MeshSystem

/// What the daemon asks of its own process at start.
package enum ProcessLimits {
    /// Fewer descriptors than this make no useful daemon: every flow needs two.
    static let fewestDescriptors: rlim_t = 4096
    /// Kept free of connections of workloads: for tunnels, names, certificates and operators.
    static let reservedDescriptors = 512
    /// What is asked for where the hard limit allows.
    private static let wantedDescriptors: rlim_t = 1_048_576

    /// Raises the limits as far as they go; nothing of the process reaches a core file or another process of its user.
    ///
    /// - Returns: how many descriptors may be open.
    package static func apply() throws(StartFailure) -> Int {
        signal(SIGPIPE, SIG_IGN)
        umask(0o077)
        hideProcessMemory()
        var none = rlimit(rlim_cur: 0, rlim_max: 0)
        setrlimit(__rlimit_resource_t(RLIMIT_CORE.rawValue), &none)
        var locked = rlimit(rlim_cur: rlim_t.max, rlim_max: rlim_t.max)
        setrlimit(__rlimit_resource_t(__RLIMIT_MEMLOCK.rawValue), &locked)
        return try raiseDescriptors()
    }

    private static func raiseDescriptors() throws(StartFailure) -> Int {
        var limit = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        limit.rlim_cur = limit.rlim_max == rlim_t.max ? wantedDescriptors : min(limit.rlim_max, max(limit.rlim_cur, wantedDescriptors))
        setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        guard limit.rlim_cur >= fewestDescriptors else {
            throw StartFailure(
                code: "descriptors", what: "only \(limit.rlim_cur) file descriptors may be open",
                advice: "raise LimitNOFILE of the unit (or ulimit -n) to at least \(fewestDescriptors), better to \(wantedDescriptors)")
        }
        return Int(clamping: limit.rlim_cur)
    }
}
