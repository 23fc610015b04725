import Glibc

/// The limit of open files (RLIMIT_NOFILE).
enum FileLimit {
    /// What a process needs besides its connections.
    private static let spare = 64

    /// Raises the limit so that `connections` fit; root may go above the hard limit.
    static func raise(for connections: Int) throws(LoadFailure) {
        let needed = rlim_t(connections + spare)
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else {
            throw LoadFailure("getrlimit: \(String(cString: strerror(errno)))")
        }
        if limit.rlim_cur >= needed { return }
        var wanted = rlimit(rlim_cur: needed, rlim_max: max(limit.rlim_max, needed))
        guard setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &wanted) == 0 else {
            throw LoadFailure(
                "\(connections) connections need \(needed) open files, but the hard limit is \(limit.rlim_max) "
                    + "(\(String(cString: strerror(errno)))): run as root, or raise it with `ulimit -Hn` and fs.nr_open")
        }
    }

    /// As many as the hard limit permits: for servers, which do not know how many will come.
    static func raiseToHardLimit() {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
        limit.rlim_cur = limit.rlim_max
        _ = setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    }
}
