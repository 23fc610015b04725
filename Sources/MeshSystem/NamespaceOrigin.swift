internal import CLinux
internal import Glibc

/// Who made a network namespace. An unprivileged process can make one of its own, with addresses as it likes, but only within a user namespace of
/// its own, which then owns it.
package enum NamespaceOrigin {
    /// Where `ip netns` and container runtimes keep namespaces by name; only root can put one there.
    private static let named = "/run/netns"
    /// Names that are looked at.
    private static let maximumNames = 4096

    /// Whether the machine's administrator made it, or a runtime of theirs: the user namespace of this process owns it, or it has a name.
    package static func isNodes(_ namespace: borrowing NetworkNamespace) throws(SystemError) -> Bool {
        let identity = try namespace.identity()
        if try identity == NetworkNamespace.current().identity() { return true }
        return try isOwnedHere(namespace) || isNamed(identity)
    }

    private static func isOwnedHere(_ namespace: borrowing NetworkNamespace) throws(SystemError) -> Bool {
        let raw = clinux_owning_user_namespace(namespace.descriptor.raw)
        // EPERM: the owner is no descendant of this process's user namespace.
        if raw < 0, errno == EPERM { return false }
        guard raw >= 0 else { throw SystemError("ioctl(NS_GET_USERNS)") }
        let owner = FileDescriptor(owning: raw)
        return try isSame(owner, FileDescriptor.open("/proc/thread-self/ns/user"))
    }

    private static func isSame(_ one: borrowing FileDescriptor, _ other: borrowing FileDescriptor) throws(SystemError) -> Bool {
        var (first, second) = (stat(), stat())
        let (left, right) = (one.raw, other.raw)
        try checked("fstat") { fstat(left, &first) }
        try checked("fstat") { fstat(right, &second) }
        return first.st_dev == second.st_dev && first.st_ino == second.st_ino
    }

    private static func isNamed(_ identity: NetworkNamespace.Identity) -> Bool {
        guard let directory = opendir(named) else { return false }
        defer { closedir(directory) }
        for _ in 0..<maximumNames {
            guard let entry = readdir(directory) else { return false }
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: MemoryLayout.size(ofValue: entry.pointee.d_name)) {
                    String(cString: $0)
                }
            }
            var status = stat()
            guard stat("\(named)/\(name)", &status) == 0 else { continue }
            if UInt64(status.st_dev) == identity.device, UInt64(status.st_ino) == identity.inode { return true }
        }
        return false
    }
}
