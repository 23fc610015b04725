import Glibc
import MeshSystem

/// A connection whose calls wait, with an end to their patience.
struct BlockingConnection: ~Copyable {
    private let socket: FileDescriptor
    private let timeoutMilliseconds: Int32

    init(owning socket: Int32, timeoutMilliseconds: Int32) {
        self.socket = FileDescriptor(owning: socket)
        self.timeoutMilliseconds = timeoutMilliseconds
        TCPSocket.disableDelay(socket)
    }

    init(to target: Target, timeoutMilliseconds: Int32) throws(LoadFailure) {
        let (socket, error) = target.connect(number: 0)
        guard socket >= 0 else { throw LoadFailure("\(target.address): connection \(FailureKind(errno: error).text)") }
        let owner = FileDescriptor(owning: socket)
        try Self.wait(socket, for: Int16(POLLOUT), timeoutMilliseconds)
        let pending = TCPSocket.takeError(socket)
        guard pending == 0 else { throw LoadFailure("\(target.address): connection \(FailureKind(errno: pending).text)") }
        self.init(owning: owner.release(), timeoutMilliseconds: timeoutMilliseconds)
    }

    /// How many bytes came; 0 at the end.
    borrowing func receive(into buffer: UnsafeMutableRawBufferPointer) throws(LoadFailure) -> Int {
        while true {
            let count = recv(socket.raw, buffer.baseAddress, buffer.count, 0)
            if count >= 0 { return count }
            try retry(for: Int16(POLLIN))
        }
    }

    borrowing func send(_ bytes: UnsafeRawBufferPointer) throws(LoadFailure) {
        var offset = 0
        while offset < bytes.count {
            let count = Glibc.send(socket.raw, bytes.baseAddress! + offset, bytes.count - offset, Int32(MSG_NOSIGNAL))
            if count >= 0 { offset += count } else { try retry(for: Int16(POLLOUT)) }
        }
    }

    borrowing func send(text: String) throws(LoadFailure) {
        let bytes = Array(text.utf8)
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 1)
        defer { buffer.deallocate() }
        buffer.copyBytes(from: bytes)
        try send(UnsafeRawBufferPointer(buffer))
    }

    /// Sends a FIN; receiving goes on.
    borrowing func finishSending() { shutdown(socket.raw, Int32(SHUT_WR)) }

    private borrowing func retry(for events: Int16) throws(LoadFailure) {
        let code = errno
        if code == EINTR { return }
        guard code == EAGAIN else { throw LoadFailure("connection \(FailureKind(errno: code).text)") }
        try Self.wait(socket.raw, for: events, timeoutMilliseconds)
    }

    private static func wait(_ socket: Int32, for events: Int16, _ timeoutMilliseconds: Int32) throws(LoadFailure) {
        var entry = pollfd(fd: socket, events: events, revents: 0)
        while true {
            let ready = poll(&entry, 1, timeoutMilliseconds)
            if ready > 0 { return }
            if ready < 0, errno == EINTR { continue }
            throw LoadFailure("connection timed out: nothing moved for \(timeoutMilliseconds) ms")
        }
    }
}
