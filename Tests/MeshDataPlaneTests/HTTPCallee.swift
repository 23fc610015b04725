import Glibc
import MeshTypes
import Synchronization

/// A service that speaks HTTP/1.1, byte by byte as the test says, and remembers what it was sent.
final class HTTPCallee: Sendable {
    struct Request: Sendable {
        /// The head's lines, without their ends.
        let lines: [String]
        let body: [UInt8]
        /// Which connection it came on, from 0.
        let connection: Int

        var line: String { lines.first ?? "" }

        func field(_ name: String) -> [String] {
            lines.dropFirst().filter { $0.lowercased().hasPrefix(name + ":") }.map {
                String($0.dropFirst(name.count + 1)).trimmed
            }
        }
    }

    enum Reply: Sendable {
        /// Sent as it is; the connection stays open.
        case raw(String)
        case rawThenClose(String)
        case closed
        case reset
        /// Nothing, ever.
        case silence

        static func ok(_ body: String, _ fields: String = "") -> Reply {
            .raw("HTTP/1.1 200 OK\r\n\(fields)content-length: \(body.utf8.count)\r\n\r\n\(body)")
        }

        static func status(_ status: Int, _ fields: String = "") -> Reply {
            .raw("HTTP/1.1 \(status) X\r\n\(fields)content-length: 0\r\n\r\n")
        }
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
        var input: [UInt8] = []
        while let request = Self.next(socket, &input, number) {
            seen.withLock { $0.append(request) }
            switch reply(request) {
            case .raw(let text): _ = socket.write(Array(text.utf8))
            case .rawThenClose(let text):
                _ = socket.write(Array(text.utf8))
                return socket.close()
            case .closed: return socket.close()
            case .reset: return socket.abort()
            case .silence:
                _ = socket.readAll()
                return
            }
        }
    }

    /// As a careful server reads it: nil when the connection has ended.
    private static func next(_ socket: TestSocket, _ input: inout [UInt8], _ number: Int) -> Request? {
        var end = headEnd(input)
        while end == nil {
            guard case .bytes(let more) = socket.read() else { return nil }
            input += more
            end = headEnd(input)
        }
        let lines = String(decoding: input[..<(end! - 4)], as: UTF8.self).split(separator: "\r\n").map(String.init)
        input.removeFirst(end!)
        let head = Request(lines: lines, body: [], connection: number)
        var isComplete: () -> Int? = { 0 }
        if let length = head.field("content-length").first.flatMap({ Int($0) }) { isComplete = { length } }
        if head.field("transfer-encoding").first == "chunked" { isComplete = { nil } }
        var length = isComplete() ?? chunkedEnd(input)
        while length == nil || input.count < length! {
            guard case .bytes(let more) = socket.read() else { return nil }
            input += more
            length = isComplete() ?? chunkedEnd(input)
        }
        let body = Array(input[..<length!])
        input.removeFirst(length!)
        return Request(lines: lines, body: body, connection: number)
    }

    private static func headEnd(_ bytes: [UInt8]) -> Int? {
        bytes.indices.dropFirst(3).first { bytes[$0 - 3...$0].elementsEqual([13, 10, 13, 10]) }.map { $0 + 1 }
    }

    /// Tests send no trailers and no chunk that looks like an end.
    private static func chunkedEnd(_ bytes: [UInt8]) -> Int? {
        let end = Array("0\r\n\r\n".utf8)
        guard bytes.count >= end.count else { return nil }
        return bytes.suffix(end.count).elementsEqual(end) ? bytes.count : nil
    }
}

extension String {
    var trimmed: String { String(drop { $0 == " " }.reversed().drop { $0 == " " }.reversed()) }
}

/// A caller's end: sends text, reads answers.
final class HTTPCaller {
    struct Answer: Equatable {
        let status: Int
        let head: String
        let body: String

        func field(_ name: String) -> String? {
            head.split(separator: "\r\n").first { $0.lowercased().hasPrefix(name + ":") }.map {
                String($0.dropFirst(name.count + 1)).trimmed
            }
        }
    }

    let socket: TestSocket
    private var input: [UInt8] = []

    init(_ socket: TestSocket) { self.socket = socket }

    convenience init(_ mesh: TwoNodes) throws { self.init(try mesh.dial()) }

    func send(_ text: String) { _ = socket.write(Array(text.utf8)) }

    func ask(_ line: String, _ fields: String = "", body: String = "") -> Answer? {
        let length = body.isEmpty ? "" : "content-length: \(body.utf8.count)\r\n"
        send("\(line) HTTP/1.1\r\nhost: callee\r\n\(fields)\(length)\r\n\(body)")
        return answer(isHead: line.hasPrefix("HEAD"))
    }

    /// The next answer, its body delimited by Content-Length, or by the end of the connection; nil when the connection ended before.
    func answer(isHead: Bool = false) -> Answer? {
        while true {
            let text = String(decoding: input, as: UTF8.self)
            if let end = text.range(of: "\r\n\r\n") {
                let head = String(text[..<end.lowerBound])
                let status = Int(head.split(separator: " ").dropFirst().first ?? "") ?? 0
                input.removeFirst(head.utf8.count + 4)
                let answer = Answer(status: status, head: head, body: "")
                guard !isHead, status >= 200, status != 204, status != 304 else { return answer }
                let length = answer.field("content-length").flatMap { Int($0) }
                return Answer(status: status, head: head, body: String(decoding: read(length), as: UTF8.self))
            }
            guard case .bytes(let more) = socket.read() else { return nil }
            input += more
        }
    }

    /// - Parameter count: nil: everything until the end.
    func read(_ count: Int?) -> [UInt8] {
        while count.map({ input.count < $0 }) ?? true {
            guard case .bytes(let more) = socket.read() else { break }
            input += more
        }
        let taken = Array(input.prefix(count ?? .max))
        input.removeFirst(taken.count)
        return taken
    }

    /// The connection has ended, and nothing more came.
    var isClosed: Bool { input.isEmpty && socket.read() == .end }
}
