internal import Glibc
internal import Synchronization

/// Sockets that the supervisor passed to this process: those of its socket units, and those that the process before this one gave it to
/// keep (sd_listen_fds(3)). What nobody takes is closed in the end.
package final class InheritedSockets: Sendable {
    /// More are not kept of any sensible daemon; it bounds what a wrong `$LISTEN_FDS` makes us touch.
    private static let maximum = 65_536
    /// `SD_LISTEN_FDS_START`.
    private static let first: Int32 = 3

    private let entries: Mutex<[String: [Int32]]>

    /// - Parameter descriptors: owned from now on, by name.
    package init(_ descriptors: [String: [Int32]] = [:]) { entries = Mutex(descriptors) }

    deinit {
        for descriptor in entries.withLock({ $0.values.flatMap(\.self) }) { close(descriptor) }
    }

    /// From the environment, whose variables are removed. Call it before anything opens a descriptor by number.
    package static func fromEnvironment() -> InheritedSockets {
        let process = takeVariable("LISTEN_PID").flatMap { pid_t($0) }
        let count = takeVariable("LISTEN_FDS").flatMap { Int32($0) }
        let names = takeVariable("LISTEN_FDNAMES")?.split(separator: ":", omittingEmptySubsequences: false).map(String.init) ?? []
        guard process == getpid(), let count, (1...Int32(maximum)).contains(count) else { return InheritedSockets() }
        var found: [String: [Int32]] = [:]
        for index in 0..<Int(count) {
            let descriptor = first + Int32(index)
            guard fcntl(descriptor, F_SETFD, FD_CLOEXEC) == 0 else { continue }
            found[index < names.count ? names[index] : "unknown", default: []].append(descriptor)
        }
        return InheritedSockets(found)
    }

    /// The next socket of `name` that `fits`; nil when there is none.
    package func take(_ name: String, where fits: (Int32) -> Bool) -> FileDescriptor? {
        entries.withLock { entries in
            guard let index = entries[name]?.firstIndex(where: fits), let descriptor = entries[name]?.remove(at: index) else { return nil }
            if entries[name]?.isEmpty == true { entries[name] = nil }
            return FileDescriptor(owning: descriptor)
        }
    }

    /// Closes what is left. - Returns: the names.
    package func closeRest() -> [String] {
        let rest = entries.withLock { entries in
            defer { entries = [:] }
            return entries
        }
        for descriptor in rest.values.flatMap(\.self) { close(descriptor) }
        return rest.keys.sorted()
    }

    package var names: [String] { entries.withLock { $0.keys.sorted() } }
}
