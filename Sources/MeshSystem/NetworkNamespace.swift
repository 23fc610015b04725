internal import CLinux
internal import Glibc

/// A network namespace, held by a descriptor.
package struct NetworkNamespace: ~Copyable, Sendable {
    package let descriptor: FileDescriptor

    /// - Parameter path: e.g. `/run/netns/wallet` or `/proc/1234/ns/net`.
    package init(path: String) throws(SystemError) {
        descriptor = try FileDescriptor.open(path)
    }

    /// The calling thread's own.
    package static func current() throws(SystemError) -> NetworkNamespace {
        try NetworkNamespace(path: "/proc/thread-self/ns/net")
    }

    /// Device and inode: equal for two descriptors of the same namespace.
    package borrowing func identity() throws(SystemError) -> Identity {
        var status = stat()
        let raw = descriptor.raw
        try checked("fstat") { fstat(raw, &status) }
        return Identity(device: UInt64(status.st_dev), inode: UInt64(status.st_ino))
    }

    /// Which no other namespace ever has (SO_NETNS_COOKIE); inodes are used again.
    package borrowing func cookie() throws(SystemError) -> UInt64 {
        try enter { () throws(SystemError) in
            let probe = FileDescriptor(
                owning: try checked("socket") { socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | SOCK_CLOEXEC_FLAG, 0) })
            guard let cookie = SocketKind.namespaceCookie(of: probe.raw) else { throw SystemError("getsockopt(SO_NETNS_COOKIE)") }
            return cookie
        }
    }

    package struct Identity: Hashable, Sendable {
        package let device: UInt64
        package let inode: UInt64
    }

    /// Runs `body` on this thread inside the namespace, and comes back. The thread must have CAP_SYS_ADMIN.
    package borrowing func enter<Result: ~Copyable>(
        _ body: () throws(SystemError) -> Result
    ) throws(SystemError) -> Result {
        let home = try NetworkNamespace.current()
        let raw = descriptor.raw
        try checked("setns") { clinux_setns(raw, CLINUX_CLONE_NEWNET) }
        let outcome: Swift.Result<Void, SystemError>
        var value: Result?
        do throws(SystemError) {
            value = try body()
            outcome = .success(())
        } catch {
            outcome = .failure(error)
        }
        // A thread left in the wrong namespace would leak traffic: there is no way to go on.
        guard clinux_setns(home.descriptor.raw, CLINUX_CLONE_NEWNET) == 0 else { fatalError("setns back: errno \(errno)") }
        try outcome.get()
        return value.take()!
    }
}

extension NetworkNamespace {
    /// Another descriptor of the same namespace.
    package borrowing func duplicate() throws(SystemError) -> NetworkNamespace {
        NetworkNamespace(descriptor: try descriptor.duplicate())
    }

    private init(descriptor: consuming FileDescriptor) { self.descriptor = descriptor }
}

/// For threads that create sockets in many namespaces, one after the other, on the hot path.
extension NetworkNamespace {
    /// A socket inside this namespace; the thread comes back to `home`. -1 with errno.
    package borrowing func openSocket(isV4: Bool, home: borrowing NetworkNamespace) -> Int32 {
        guard clinux_setns(descriptor.raw, CLINUX_CLONE_NEWNET) == 0 else { return -1 }
        let socket = TCPSocket.open(isV4: isV4)
        let code = errno
        // A thread left in the wrong namespace would leak traffic: there is no way to go on.
        guard clinux_setns(home.descriptor.raw, CLINUX_CLONE_NEWNET) == 0 else { fatalError("setns back: errno \(errno)") }
        errno = code
        return socket
    }
}
