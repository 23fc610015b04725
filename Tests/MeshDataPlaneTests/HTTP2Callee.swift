import MeshProtocols
import MeshTypes
import Synchronization

/// A service that speaks HTTP/2, and does with each request what the test says.
final class HTTP2Callee: Sendable {
    struct Request: Sendable {
        let head: String
        let body: [UInt8]
        let trailers: String
        /// Which connection it came on, from 0.
        let connection: Int

        var line: String { head.split(separator: "\r\n").first.map(String.init) ?? "" }
        func field(_ name: String) -> [String] { HTTP2End.field(name, of: head) }
    }

    enum Reply: Sendable {
        case answer(_ status: Int, fields: String = "", body: [UInt8] = [], trailers: String? = nil)
        case reset(HBONEErrorCode)
        /// The connection is told to end without this request (RFC 9113 §6.8).
        case goAway
        /// The connection is closed.
        case closed
        /// Nothing, ever.
        case silence
    }

    private let listener: TestListener
    private let seen = Mutex<[Request]>([])
    private let connections = Atomic<Int>(0)
    private let reply: @Sendable (Request) -> Reply

    init(_ reply: @escaping @Sendable (Request) -> Reply) throws {
        listener = try TestListener()
        self.reply = reply
        let listener = listener
        TestThread.start { [weak self] in
            while let socket = try? listener.accept() {
                guard let self else { return }
                let number = connections.add(1, ordering: .relaxed).oldValue
                TestThread.start { [weak self] in self?.serve(socket, number) }
            }
        }
    }

    var address: SocketAddress { listener.address }
    var requests: [Request] { seen.withLock { $0 } }
    var connectionCount: Int { connections.load(ordering: .relaxed) }

    private func serve(_ socket: TestSocket, _ number: Int) {
        let end = HTTP2End(socket, .server)
        var answered: Set<UInt64> = []
        while end.turn() {
            for token in end.requests where !answered.contains(token) {
                guard let stream = end.streams[token], stream.hasEnded else { continue }
                answered.insert(token)
                let request = Request(head: stream.head, body: stream.body, trailers: stream.trailers, connection: number)
                seen.withLock { $0.append(request) }
                switch reply(request) {
                case .answer(let status, let fields, let body, let trailers):
                    end.respond(token, "\(status) \r\n\(fields)".trimmedEnd, body: body, trailers: trailers)
                case .reset(let code):
                    if let id = stream.id { end.session.reset(id, code) }
                    end.flush()
                case .goAway:
                    end.session.reset(stream.id!, .refusedStream)
                    end.session.goAway()
                    end.flush()
                case .closed: return socket.close()
                case .silence: break
                }
            }
        }
        socket.close()
    }
}

extension String {
    /// Without line ends at the end.
    fileprivate var trimmedEnd: String {
        var text = self
        while text.last == "\r\n" { text.removeLast() }
        return text
    }
}
