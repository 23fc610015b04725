import Glibc
import MeshSystem
import MeshTypes

/// Echoes what comes on every connection of one listener. It stops reading while the peer does not take its echo.
struct EchoServer: ~Copyable {
    private let listener: FileDescriptor
    private let poller: Poller
    private let events = PollEvents(capacity: eventsPerWait)
    private let scratch = UnsafeMutableRawBufferPointer.allocate(byteCount: scratchBytes, alignment: 64)
    /// Echoes that did not fit, by descriptor.
    private var unsent: [Int32: Unsent] = [:]

    private struct Unsent {
        var bytes: [UInt8]
        var offset: Int
    }

    private static let eventsPerWait = 512
    private static let scratchBytes = 256 * 1024
    /// Reads of one connection before others have their turn.
    private static let readsPerTurn = 16
    private static let listenerToken = UInt64.max

    init(on address: SocketAddress) throws(SystemError) {
        let listener = try TCPSocket.listen(on: address, reusePort: true, isDual: true)
        let poller = try Poller()
        try poller.add(listener.raw, .readable, token: Self.listenerToken)
        self.listener = listener
        self.poller = poller
    }

    deinit { scratch.deallocate() }

    /// Never returns.
    mutating func serve() {
        while true {
            let count = poller.wait(events, timeout: -1)
            for index in 0..<count {
                let token = events[index].token
                if token == Self.listenerToken {
                    acceptAll()
                } else {
                    echo(Int32(truncatingIfNeeded: token))
                }
            }
        }
    }

    private func acceptAll() {
        while true {
            let socket = TCPSocket.accept(listener.raw)
            if socket < 0 {
                // Without a descriptor the connection stays in the backlog: level-triggered readiness would spin.
                if errno == EMFILE || errno == ENFILE { usleep(1000) }
                if errno == EINTR || errno == ECONNABORTED { continue }
                return
            }
            TCPSocket.disableDelay(socket)
            do throws(SystemError) {
                try poller.add(socket, [.readable, .writable, .peerHalfClosed, .edgeTriggered], token: UInt64(socket))
            } catch {
                close(socket)
            }
        }
    }

    private mutating func echo(_ socket: Int32) {
        guard unsent.isEmpty || flush(socket) else { return }
        for _ in 0..<Self.readsPerTurn {
            let count = recv(socket, scratch.baseAddress, scratch.count, 0)
            if count > 0 {
                guard sendBack(socket, count) else { return }
                continue
            }
            if count < 0, errno == EAGAIN { return }
            if count < 0, errno == EINTR { continue }
            return end(socket)
        }
        // More may be there, and no edge will tell: setting the interest anew does.
        try? poller.modify(socket, [.readable, .writable, .peerHalfClosed, .edgeTriggered], token: UInt64(socket))
    }

    /// False when the connection is gone or the peer does not take more now.
    private mutating func sendBack(_ socket: Int32, _ count: Int) -> Bool {
        let sent = send(socket, scratch.baseAddress, count, Int32(MSG_NOSIGNAL))
        if sent == count { return true }
        if sent < 0, errno != EAGAIN, errno != EINTR {
            end(socket)
            return false
        }
        let rest = UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(scratch)[max(0, sent)..<count])
        unsent[socket] = Unsent(bytes: Array(rest), offset: 0)
        // A partial send may not raise an edge by itself: try until the kernel says that it is full.
        return flush(socket)
    }

    /// True when nothing is left to send.
    private mutating func flush(_ socket: Int32) -> Bool {
        guard var rest = unsent[socket] else { return true }
        while rest.offset < rest.bytes.count {
            let sent = rest.bytes.withUnsafeBytes {
                send(socket, $0.baseAddress! + rest.offset, $0.count - rest.offset, Int32(MSG_NOSIGNAL))
            }
            if sent > 0 {
                rest.offset += sent
            } else if errno != EINTR {
                if errno == EAGAIN { unsent[socket]?.offset = rest.offset } else { end(socket) }
                return false
            }
        }
        unsent[socket] = nil
        return true
    }

    private mutating func end(_ socket: Int32) {
        unsent[socket] = nil
        close(socket)
    }
}
