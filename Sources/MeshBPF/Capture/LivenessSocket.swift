internal import Glibc
internal import MeshSystem
internal import MeshTypes

/// A socket that closes when the daemon dies, however it dies, unless a supervisor keeps it for the next one. While it is in the last entry
/// of `listeners` the programs take the daemon for alive. It is a UDP socket that is connected to itself, so that it takes datagrams from nobody else; a bound UDP socket is freed
/// by RCU, which spares the programs a reference count per packet.
struct LivenessSocket: ~Copyable, Sendable {
    let descriptor: FileDescriptor

    /// - Parameter kept: that of a daemon before this one; nil to make one.
    init(_ kept: consuming FileDescriptor?) throws(KernelError) {
        if let kept {
            descriptor = kept
            return
        }
        do throws(SystemError) { descriptor = try Self.open() } catch {
            throw KernelError("make the liveness socket: \(error.call)", code: error.code)
        }
    }

    private static func open() throws(SystemError) -> FileDescriptor {
        let descriptor = FileDescriptor(
            owning: try checked("socket") { socket(AF_INET, Int32(SOCK_DGRAM.rawValue) | SOCK_CLOEXEC_FLAG, 0) })
        let raw = descriptor.raw
        let any = KernelAddress(SocketAddress(ip: .v4Loopback, port: 0))
        try checked("bind") { any.withPointer { bind(raw, $0, $1) } }
        guard let own = TCPSocket.localAddress(raw) else { throw SystemError("getsockname") }
        try checked("connect") { KernelAddress(own).withPointer { connect(raw, $0, $1) } }
        return descriptor
    }
}

/// The number by which the programs know a network namespace.
enum NamespaceCookie {
    private static let option: Int32 = 71  // SO_NETNS_COOKIE

    /// Of the calling thread's namespace.
    static func current() throws(KernelError) -> UInt64 {
        let raw = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | SOCK_CLOEXEC_FLAG, 0)
        guard raw >= 0 else { throw KernelError("open a socket", code: errno) }
        defer { close(raw) }
        var cookie: UInt64 = 0
        var length = socklen_t(MemoryLayout<UInt64>.size)
        guard getsockopt(raw, SOL_SOCKET, option, &cookie, &length) == 0 else {
            throw KernelError("read the namespace's cookie", code: errno)
        }
        return cookie
    }
}
