import Foundation
import MeshBPF
import MeshSystem
import MeshTypes
import Synchronization

/// The daemon's end in a namespace, as small as can be: says what the kernel says of each connection, then echoes.
final class Listener: @unchecked Sendable {
    /// Listening sockets on 127.0.0.1:15001 and [::1]:15001.
    struct Pair {
        let v4: Int32
        let v6: Int32

        init(backlog: Int32) throws {
            v4 = try TCPSocket.listen(on: SocketAddress("127.0.0.1:15001")!, backlog: backlog).release()
            v6 = try TCPSocket.listen(on: SocketAddress("[::1]:15001")!, backlog: backlog).release()
        }
    }

    private let pair: Pair
    private let stopped = Atomic<Bool>(false)
    private let paused = Atomic<Bool>(false)
    private let done = DispatchSemaphore(value: 0)
    private let seen = Mutex<[CapturedOrigin?]>([])

    init(_ pair: Pair) {
        self.pair = pair
        Thread.detachNewThread { [self] in run() }
    }

    /// The origins of the connections so far; nil for those without a record.
    var origins: [CapturedOrigin?] { seen.withLock { $0 } }

    /// Accepts nothing from now on.
    func pause() { paused.store(true, ordering: .relaxed) }

    func stop() {
        guard !stopped.exchange(true, ordering: .relaxed) else { return }
        done.wait()
    }

    private func run() {
        var connections: [Int32] = []
        while !stopped.load(ordering: .relaxed) {
            var polled = ([pair.v4, pair.v6] + connections).map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
            if paused.load(ordering: .relaxed) {
                usleep(20_000)
                continue
            }
            guard poll(&polled, nfds_t(polled.count), 20) > 0 else { continue }
            for entry in polled where entry.revents != 0 {
                if entry.fd == pair.v4 || entry.fd == pair.v6 {
                    let accepted = accept(entry.fd, nil, nil)
                    if accepted >= 0, greet(accepted) { connections.append(accepted) }
                } else if !echo(entry.fd) {
                    connections.removeAll { $0 == entry.fd }
                    close(entry.fd)
                }
            }
        }
        for descriptor in connections + [pair.v4, pair.v6] { close(descriptor) }
        done.signal()
    }

    private func greet(_ connection: Int32) -> Bool {
        let origin = capturedOrigin(of: connection)
        seen.withLock { $0.append(origin) }
        guard let origin else {
            close(connection)
            return false
        }
        let text = "captured \(origin.destination) service \(origin.service.rawValue) "
        _ = text.withCString { send(connection, $0, text.utf8.count, Int32(MSG_NOSIGNAL)) }
        return true
    }

    private func echo(_ connection: Int32) -> Bool {
        var buffer = [UInt8](repeating: 0, count: 65536)
        let count = recv(connection, &buffer, buffer.count, Int32(MSG_DONTWAIT))
        guard count > 0 else { return false }
        return send(connection, buffer, count, Int32(MSG_NOSIGNAL)) == count
    }
}
