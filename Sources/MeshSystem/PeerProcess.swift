internal import CLinux
internal import Glibc

/// A process of this machine, held by its pidfd: its number may be given to another process, this may not.
package final class PeerProcess: Sendable {
    /// `getsockopt(2)`: the pidfd of the process that connected a Unix socket, since Linux 6.5.
    package static let pidfdOption: Int32 = 77
    private let pidfd: FileDescriptor

    /// Takes ownership of a pidfd.
    package init(owningPidfd pidfd: Int32) { self.pidfd = FileDescriptor(owning: pidfd) }

    /// - Parameter id: what `SO_PEERCRED` said. The process must not have ended since: kernels before 6.5 leave that window, in which its
    ///   number could have been given to another.
    package init(id: Int32) throws(SystemError) {
        pidfd = FileDescriptor(owning: try checked("pidfd_open", on: "\(id)") { clinux_pidfd_open(id) })
    }

    /// Its cgroup below the cgroup v2 mount, with a leading slash, as of now.
    /// - Throws: `ESRCH` when it has ended, `ENOENT` when it cannot be seen from the daemon's PID namespace.
    package func cgroup() throws(SystemError) -> String {
        let id = try currentID()
        let text = try readText("/proc/\(id)/cgroup")
        // Read of this process, and not of one that was given its number meanwhile.
        guard try currentID() == id, isRunning else { throw SystemError("look at the caller", code: ESRCH, subject: "process \(id)") }
        guard let path = ControlGroup.path(in: text) else {
            throw SystemError("find its cgroup v2", code: ENOENT, subject: "process \(id)")
        }
        return path
    }

    private func currentID() throws(SystemError) -> Int32 {
        let text = try readText("/proc/self/fdinfo/\(pidfd.raw)")
        for line in text.split(separator: "\n") where line.hasPrefix("Pid:") {
            let digits = line.dropFirst(4).drop { $0 == "\t" || $0 == " " }
            guard let id = Int32(digits), id >= 0 else { throw SystemError("look at the caller", code: ESRCH) }
            guard id > 0 else { throw SystemError("look at the caller: it is outside of the daemon's PID namespace", code: ENOENT) }
            return id
        }
        throw SystemError("read a pidfd", code: EINVAL)
    }

    /// A pidfd is readable once its process has ended, before it is reaped too.
    private var isRunning: Bool {
        var query = pollfd(fd: pidfd.raw, events: Int16(POLLIN), revents: 0)
        return poll(&query, 1, 0) == 0
    }
}
