/// The cgroup by which the kernel programs know the daemon, and let it pass.
package enum DaemonCgroup {
    /// The slice that is the daemon's alone.
    package static let slice = "system-myelin.slice"

    /// Of a daemon that runs in `own`: that very cgroup, or the daemon's slice around it. A service manager removes a unit's cgroup whenever the
    /// unit restarts, and the programs on it with it; those on the slice stay, for the connections that wait for the next daemon.
    package static func standing(own: String) -> String {
        let parts = own.split(separator: "/")
        guard let index = parts.lastIndex(of: slice[...]) else { return own }
        return "/" + parts[...index].joined(separator: "/")
    }
}
