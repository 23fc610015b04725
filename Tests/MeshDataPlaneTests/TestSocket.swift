import Glibc
import MeshSystem
import MeshTypes

/// A blocking socket with time-outs, as a simple program has it.
final class TestSocket: @unchecked Sendable {
    let raw: Int32
    private var isOpen = true

    init(owning raw: Int32) {
        self.raw = raw
        var timeout = timeval(tv_sec: 20, tv_usec: 0)
        setsockopt(raw, SOL_SOCKET, SO_RCVTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
        setsockopt(raw, SOL_SOCKET, SO_SNDTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
    }

    convenience init(connectingTo address: SocketAddress) throws {
        let family = address.ip.isV4 ? AF_INET : AF_INET6
        self.init(owning: try checked("socket") { socket(family, Int32(SOCK_STREAM.rawValue) | SOCK_CLOEXEC_FLAG, 0) })
        let raw = self.raw
        try checked("connect") { KernelAddress(address).withPointer { connect(raw, $0, $1) } }
    }

    deinit { close() }

    func close() {
        if isOpen { Glibc.close(raw) }
        isOpen = false
    }

    /// Close with a reset.
    func abort() {
        if isOpen { TCPSocket.abort(raw) }
        isOpen = false
    }

    func finish() { shutdown(raw, Int32(SHUT_WR)) }

    /// - Returns: 0, or errno.
    func write(_ bytes: [UInt8]) -> Int32 {
        var sent = 0
        while sent < bytes.count {
            let count = bytes.withUnsafeBytes { send(raw, $0.baseAddress! + sent, bytes.count - sent, Int32(MSG_NOSIGNAL)) }
            if count < 0 { return errno }
            sent += count
        }
        return 0
    }

    enum Read: Equatable {
        case bytes([UInt8])
        case end
        case failed(Int32)
    }

    func read(_ maximum: Int = 65536) -> Read {
        var buffer = [UInt8](repeating: 0, count: maximum)
        let count = recv(raw, &buffer, maximum, 0)
        if count < 0 { return .failed(errno) }
        return count == 0 ? .end : .bytes(Array(buffer[..<count]))
    }

    /// Everything until the end: the bytes, and how it ended.
    func readAll(limit: Int = .max) -> (bytes: [UInt8], ending: Read) {
        var all: [UInt8] = []
        while all.count < limit {
            switch read() {
            case .bytes(let more): all += more
            case let ending: return (all, ending)
            }
        }
        return (all, .bytes([]))
    }

    func read(exactly count: Int) -> [UInt8] {
        var all: [UInt8] = []
        while all.count < count {
            guard case .bytes(let more) = read(count - all.count) else { break }
            all += more
        }
        return all
    }
}

/// A listening socket of a test.
final class TestListener: Sendable {
    private let socket: FileDescriptor
    let address: SocketAddress

    init(ip: IPAddress = .v4Loopback, backlog: Int32 = 4096) throws {
        socket = try TCPSocket.listen(on: SocketAddress(ip: ip, port: 0), backlog: backlog)
        address = TCPSocket.localAddress(socket.raw)!
        let raw = socket.raw
        let flags = fcntl(raw, F_GETFL)
        _ = fcntl(raw, F_SETFL, flags & ~O_NONBLOCK)
        var timeout = timeval(tv_sec: 20, tv_usec: 0)
        setsockopt(raw, SOL_SOCKET, SO_RCVTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
    }

    func accept() throws -> TestSocket {
        let raw = socket.raw
        return TestSocket(owning: try checked("accept") { Glibc.accept(raw, nil, nil) })
    }
}
