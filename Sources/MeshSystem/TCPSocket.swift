internal import CLinux
internal import Glibc
package import MeshTypes

/// Calls on TCP sockets, all non-blocking and close-on-exec. Hot paths use the raw descriptor and errno; set-up throws.
package enum TCPSocket {
    /// A listening socket.
    /// - Parameters:
    ///   - reusePort: several workers listen on one address (SO_REUSEPORT).
    ///   - isDual: `[::]` takes IPv4 too.
    package static func listen(
        on address: SocketAddress, backlog: Int32 = 4096, reusePort: Bool = false, isDual: Bool = false
    ) throws(SystemError) -> FileDescriptor {
        let family = address.ip.isV4 ? AF_INET : AF_INET6
        let socket = FileDescriptor(
            owning: try checked("socket") {
                Glibc.socket(family, Int32(SOCK_STREAM.rawValue) | SOCK_NONBLOCK_FLAG | SOCK_CLOEXEC_FLAG, 0)
            })
        let raw = socket.raw
        try setOption(raw, SOL_SOCKET, SO_REUSEADDR, 1)
        if reusePort { try setOption(raw, SOL_SOCKET, SO_REUSEPORT, 1) }
        if family == AF_INET6 { try setOption(raw, Int32(IPPROTO_IPV6), IPV6_V6ONLY, isDual ? 0 : 1) }
        try checked("bind", on: address.description) { KernelAddress(address).withPointer { bind(raw, $0, $1) } }
        try checked("listen", on: address.description) { Glibc.listen(raw, backlog) }
        return socket
    }

    package static func setOption(_ socket: Int32, _ level: Int32, _ name: Int32, _ value: Int32) throws(SystemError) {
        var value = value
        try checked("setsockopt") { setsockopt(socket, level, name, &value, socklen_t(MemoryLayout<Int32>.size)) }
    }

    /// The address that the socket is bound to; nil when the call fails.
    package static func localAddress(_ socket: Int32) -> SocketAddress? {
        var address = KernelAddress()
        return address.withMutablePointer { getsockname(socket, $0, $1) } == 0 ? address.address : nil
    }

    /// The other end; nil when the socket is not connected.
    package static func peerAddress(_ socket: Int32) -> SocketAddress? {
        var address = KernelAddress()
        return address.withMutablePointer { getpeername(socket, $0, $1) } == 0 ? address.address : nil
    }
}

package let SOCK_NONBLOCK_FLAG = Int32(SOCK_NONBLOCK.rawValue)
package let SOCK_CLOEXEC_FLAG = Int32(SOCK_CLOEXEC.rawValue)

/// The calls of the hot path: no throwing, errno tells.
extension TCPSocket {
    /// A non-blocking socket without Nagle's delay; -1 with errno.
    package static func open(isV4: Bool) -> Int32 {
        let socket = Glibc.socket(
            isV4 ? AF_INET : AF_INET6, Int32(SOCK_STREAM.rawValue) | SOCK_NONBLOCK_FLAG | SOCK_CLOEXEC_FLAG, 0)
        if socket >= 0 { disableDelay(socket) }
        return socket
    }

    /// Sends small writes at once (TCP_NODELAY): the far end waits for them.
    package static func disableDelay(_ socket: Int32) {
        var one: Int32 = 1
        _ = setsockopt(socket, Int32(IPPROTO_TCP), TCP_NODELAY, &one, socklen_t(MemoryLayout<Int32>.size))
    }

    /// 0, or -1 with errno (EINPROGRESS while it goes on).
    package static func connect(_ socket: Int32, to address: SocketAddress) -> Int32 {
        KernelAddress(address).withPointer { Glibc.connect(socket, $0, $1) }
    }

    /// Keeps the socket to the loopback device, where its port can be used again after a second instead of a minute (`tcp_tw_reuse`).
    /// - Parameter mark: what routes everything in this namespace to that device.
    package static func keepToLoopback(_ socket: Int32, mark: UInt32) -> Bool { clinux_keep_to_loopback(socket, mark) == 0 }

    /// Binds to an address that is not this namespace's own.
    package static func bindForeign(_ socket: Int32, to address: SocketAddress) -> Bool {
        clinux_allow_foreign_address(socket, address.ip.isV4 ? AF_INET : AF_INET6) == 0
            && KernelAddress(address).withPointer { bind(socket, $0, $1) } == 0
    }

    /// The next connection, non-blocking; -1 with errno.
    package static func accept(_ listener: Int32) -> Int32 {
        clinux_accept4(listener, nil, nil, SOCK_NONBLOCK_FLAG | SOCK_CLOEXEC_FLAG)
    }

    /// The pending error (SO_ERROR), which is cleared; 0 for none.
    package static func takeError(_ socket: Int32) -> Int32 {
        var error: Int32 = 0
        var length = socklen_t(MemoryLayout<Int32>.size)
        return getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &length) == 0 ? error : errno
    }

    /// Closes with a reset instead of a FIN; what was not sent is dropped.
    package static func abort(_ socket: Int32) {
        resetOnClose(socket)
        close(socket)
    }

    /// Whoever closes it later resets the connection.
    package static func resetOnClose(_ socket: Int32) {
        var option = linger(l_onoff: 1, l_linger: 0)
        _ = setsockopt(socket, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
    }

    /// Bytes that the peer's kernel has not acknowledged.
    package static func unacknowledged(_ socket: Int32) -> Int { Int(clinux_unacknowledged(socket)) }
}

extension TCPSocket {
    /// Whether somebody accepts connections at `address`; waits at most `timeout` milliseconds.
    package static func answers(_ address: SocketAddress, timeout: Int32) -> Bool {
        let socket = open(isV4: address.ip.isV4)
        guard socket >= 0 else { return false }
        defer { close(socket) }
        if connect(socket, to: address) == 0 { return true }
        guard errno == EINPROGRESS else { return false }
        var wanted = pollfd(fd: socket, events: Int16(POLLOUT), revents: 0)
        return poll(&wanted, 1, timeout) == 1 && takeError(socket) == 0
    }
}
