import MeshTypes
import Synchronization

/// A service that fails each of its callers in one and the same way, and remembers which payments reached it.
final class PaymentCallee: Sendable {
    enum Fault: CaseIterable, Sendable {
        /// Accepts, and closes before it has read anything.
        case closesUnread
        case closesAfterHead
        case closesAfterAll
        case halfAHead
        case resetsAfterHead
        case resetsAfterAll
        /// Reads all and says nothing.
        case silent
    }

    private let listener: TestListener
    private let fault: Fault
    private let payments = Mutex<[String]>([])
    private let connections = Atomic(0)

    init(_ fault: Fault) throws {
        listener = try TestListener()
        self.fault = fault
        TestThread.start { [weak self, listener] in
            while let socket = try? listener.accept() {
                guard let self else { return }
                self.connections.add(1, ordering: .relaxed)
                TestThread.start { self.serve(socket) }
            }
        }
    }

    var address: SocketAddress { listener.address }
    /// Identifiers of the payments whose heads were read, as often as they came.
    var seen: [String] { payments.withLock { $0 } }
    var connectionCount: Int { connections.load(ordering: .relaxed) }

    private func serve(_ socket: TestSocket) {
        if fault == .closesUnread { return socket.close() }
        var text = ""
        while !text.contains("\r\n\r\n") {
            guard case .bytes(let more) = socket.read() else { return }
            text += String(decoding: more, as: UTF8.self)
        }
        let line = text.split(separator: "\r\n").first { $0.hasPrefix("x-payment-id: ") }
        payments.withLock { $0.append(line.map { String($0.dropFirst("x-payment-id: ".count)) } ?? "none") }
        if fault == .closesAfterHead { return socket.close() }
        if fault == .resetsAfterHead { return socket.abort() }
        let length = text.split(separator: "\r\n").first { $0.hasPrefix("content-length: ") }.flatMap { Int($0.dropFirst(16)) } ?? 0
        var rest = length - text.split(separator: "\r\n\r\n", maxSplits: 1).dropFirst().reduce(0) { $0 + $1.utf8.count }
        while rest > 0, case .bytes(let more) = socket.read() { rest -= more.count }
        switch fault {
        case .closesAfterAll: socket.close()
        case .resetsAfterAll: socket.abort()
        case .halfAHead:
            _ = socket.write(Array("HTTP/1.1 200 OK\r\ncontent-le".utf8))
            socket.close()
        case .silent, .closesUnread, .closesAfterHead, .resetsAfterHead: _ = socket.readAll()
        }
    }
}
