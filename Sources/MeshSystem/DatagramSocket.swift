internal import CLinux
internal import Glibc
package import MeshTypes

/// UDP sockets that know which of the host's addresses a datagram was sent to, and answer from it.
package enum DatagramSocket {
    /// A datagram that came: how many bytes of the buffer it fills, from whom, to which of our addresses (port 0).
    package struct Arrival: Sendable, BitwiseCopyable {
        package let count: Int
        package let peer: SocketAddress
        package let local: IPAddress
    }

    /// A non-blocking socket bound to `address` in the calling thread's network namespace.
    package static func bind(to address: SocketAddress) throws(SystemError) -> FileDescriptor {
        let socket = try open(v4: address.ip.isV4)
        let raw = socket.raw
        let family = address.ip.isV4 ? AF_INET : AF_INET6
        if !address.ip.isV4 { try TCPSocket.setOption(raw, Int32(IPPROTO_IPV6), IPV6_V6ONLY, 1) }
        try checked("setsockopt(PKTINFO)") { clinux_report_local_address(raw, family) }
        try checked("bind", on: address.description) { KernelAddress(address).withPointer { Glibc.bind(raw, $0, $1) } }
        return socket
    }

    /// A non-blocking socket on a port that the kernel picks, which takes datagrams from `peer` only.
    package static func connect(to peer: SocketAddress) throws(SystemError) -> FileDescriptor {
        let socket = try open(v4: peer.ip.isV4)
        let raw = socket.raw
        try checked("connect", on: peer.description) { KernelAddress(peer).withPointer { Glibc.connect(raw, $0, $1) } }
        return socket
    }

    private static func open(v4: Bool) throws(SystemError) -> FileDescriptor {
        FileDescriptor(
            owning: try checked("socket") {
                Glibc.socket(v4 ? AF_INET : AF_INET6, Int32(SOCK_DGRAM.rawValue) | SOCK_NONBLOCK_FLAG | SOCK_CLOEXEC_FLAG, 0)
            })
    }

    /// The next datagram of a socket made by `bind`; nil when there is none. Datagrams that are longer than the buffer are dropped.
    package static func receive(_ socket: Int32, into buffer: UnsafeMutableRawBufferPointer) -> Arrival? {
        while true {
            var peer = KernelAddress()
            var local = KernelAddress()
            var interface: UInt32 = 0
            let count = peer.withStorage { peer in
                local.withStorage { clinux_receive_datagram(socket, buffer.baseAddress, buffer.count, peer, $0, &interface) }
            }
            if count < 0 {
                if errno == EMSGSIZE || errno == EINTR { continue }
                return nil
            }
            guard let from = peer.address, let at = local.address else { continue }
            return Arrival(count: count, peer: from, local: at.ip)
        }
    }

    /// Sends from `local`; what the kernel does not take is lost, as datagrams are.
    @discardableResult
    package static func send(_ socket: Int32, _ bytes: [UInt8], to peer: SocketAddress, from local: IPAddress) -> Bool {
        let source = KernelAddress(SocketAddress(ip: local, port: 0))
        let count = KernelAddress(peer).withPointer { address, length in
            source.withPointer { local, _ in clinux_send_datagram(socket, bytes, bytes.count, address, length, local) }
        }
        return count == bytes.count
    }
}
