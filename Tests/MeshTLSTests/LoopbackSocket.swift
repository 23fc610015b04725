import Foundation
import Glibc

/// A TCP socket on 127.0.0.1 that gives up after some seconds.
final class LoopbackSocket {
    struct Failure: Error { let what: String }

    private static let patience = timeval(tv_sec: 10, tv_usec: 0)
    private let descriptor: Int32

    private init(_ descriptor: Int32) throws {
        guard descriptor >= 0 else { throw Failure(what: "socket: \(String(cString: strerror(errno)))") }
        self.descriptor = descriptor
        var patience = Self.patience
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
    }

    deinit { close(descriptor) }

    static func listening() throws -> LoopbackSocket {
        let socket = try LoopbackSocket(Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0))
        guard withAddress(0, { bind(socket.descriptor, $0, $1) }) == 0, listen(socket.descriptor, 8) == 0 else {
            throw Failure(what: "listen: \(String(cString: strerror(errno)))")
        }
        return socket
    }

    /// Waits until somebody listens there.
    static func connected(to port: UInt16) throws -> LoopbackSocket {
        for _ in 0..<200 {
            let socket = try LoopbackSocket(Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0))
            if withAddress(port, { connect(socket.descriptor, $0, $1) }) == 0 { return socket }
            usleep(50_000)
        }
        throw Failure(what: "nobody listens on port \(port)")
    }

    var port: UInt16 {
        var address = sockaddr_in()
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        _ = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &length) }
        }
        return UInt16(bigEndian: address.sin_port)
    }

    func accept() throws -> LoopbackSocket { try LoopbackSocket(Glibc.accept(descriptor, nil, nil)) }

    /// Moves bytes between the socket and `end` until its session is established or over.
    func carry(_ end: End) throws {
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            let out = end.take()
            if !out.isEmpty, send(descriptor, out, out.count, Int32(MSG_NOSIGNAL)) != out.count {
                throw Failure(what: "send: \(String(cString: strerror(errno)))")
            }
            if end.isEstablished || end.progress != .open { return }
            let count = recv(descriptor, &buffer, buffer.count, 0)
            guard count > 0 else { throw Failure(what: "the peer went or stays silent") }
            end.receive(Array(buffer[..<count]))
        }
    }

    private static func withAddress(_ port: UInt16, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32) -> Int32 {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        return withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, socklen_t(MemoryLayout<sockaddr_in>.size)) }
        }
    }
}
