import Foundation
import MeshBPF
import MeshSystem
import MeshTypes
import Testing

/// A blocking connection of this process, for when it plays the daemon.
enum TestClient {
    private static let IP_TRANSPARENT: Int32 = 19
    private static let IPV6_TRANSPARENT: Int32 = 75
    private static let SO_MARK: Int32 = 36

    /// Connects (from `source`, transparently; to a listener of `callee` if that is named), and returns what the peer says first.
    static func ask(_ address: SocketAddress, as source: SocketAddress? = nil, callee: ServiceID? = nil) throws -> String {
        let family = address.ip.isV4 ? AF_INET : AF_INET6
        let socket = FileDescriptor(owning: try checked("socket") { Glibc.socket(family, Int32(SOCK_STREAM.rawValue), 0) })
        let raw = socket.raw
        var timeout = timeval(tv_sec: 2, tv_usec: 0)
        setsockopt(raw, SOL_SOCKET, SO_RCVTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
        setsockopt(raw, SOL_SOCKET, SO_SNDTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
        if let callee { #expect(expectCallee(callee, on: raw)) }
        if let source {
            try TCPSocket.setOption(raw, SOL_SOCKET, SO_MARK, 0x539)
            let v6 = !address.ip.isV4
            try TCPSocket.setOption(raw, Int32(v6 ? IPPROTO_IPV6 : IPPROTO_IP), v6 ? IPV6_TRANSPARENT : IP_TRANSPARENT, 1)
            try checked("bind") { KernelAddress(source).withPointer { bind(raw, $0, $1) } }
        }
        try checked("connect", on: address.description) { KernelAddress(address).withPointer { connect(raw, $0, $1) } }
        var buffer = [UInt8](repeating: 0, count: 256)
        let capacity = buffer.count
        let count = try checked("recv") { recv(raw, &buffer, capacity, 0) }
        return String(decoding: buffer[..<count], as: UTF8.self)
    }

    /// Whether the kernel says within 50 ms that somebody else than `callee` listens there.
    static func meetsWrongListener(_ address: SocketAddress, callee: ServiceID) throws -> Bool {
        let socket = FileDescriptor(owning: TCPSocket.open(isV4: address.ip.isV4))
        #expect(expectCallee(callee, on: socket.raw))
        #expect(!metWrongListener(socket.raw))
        guard TCPSocket.connect(socket.raw, to: address) != 0, errno == EINPROGRESS else { throw SystemError("connect") }
        usleep(50_000)
        return metWrongListener(socket.raw)
    }
}
