import Foundation
import MeshSystem
import MeshTypes

/// A blocking connection of this process, for when it plays the daemon.
enum TestClient {
    private static let IP_TRANSPARENT: Int32 = 19
    private static let IPV6_TRANSPARENT: Int32 = 75
    private static let SO_MARK: Int32 = 36

    /// Connects (from `source`, transparently), and returns what the peer says first.
    static func ask(_ address: SocketAddress, as source: SocketAddress? = nil) throws -> String {
        let family = address.ip.isV4 ? AF_INET : AF_INET6
        let socket = FileDescriptor(owning: try checked("socket") { Glibc.socket(family, Int32(SOCK_STREAM.rawValue), 0) })
        let raw = socket.raw
        var timeout = timeval(tv_sec: 2, tv_usec: 0)
        setsockopt(raw, SOL_SOCKET, SO_RCVTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
        setsockopt(raw, SOL_SOCKET, SO_SNDTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
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
}
