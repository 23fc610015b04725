import Glibc
import MeshProtocols

/// One end of an HTTP/2 connection over a blocking socket, as a program has it: keeps what came of each stream, sends what it is given.
/// For one thread.
final class HTTP2End {
    /// What came on a stream, and what goes.
    struct Stream {
        var id: StreamID?
        var head = ""
        var interim: [String] = []
        var body: [UInt8] = []
        var trailers = ""
        var hasEnded = false
        var reset: HBONEErrorCode?
        fileprivate var outgoing: [UInt8] = []
        fileprivate var outgoingTrailers: String?
        fileprivate var isLast = false

        func field(_ name: String) -> [String] { HTTP2End.field(name, of: head) }
    }

    private let socket: TestSocket
    private(set) var session: HTTP2Session!
    var streams: [UInt64: Stream] = [:]
    /// Tokens of requests in the order in which they came.
    private(set) var requests: [UInt64] = []
    private(set) var hasEnded = false
    private(set) var wasToldToGo = false
    /// Bodies are not taken off the windows.
    var withholdsCredit = false
    private var next: UInt64 = 1

    init(_ socket: TestSocket, _ role: HTTP2Session.Role) {
        self.socket = socket
        session = HTTP2Session(role: role, owner: Unmanaged.passUnretained(self).toOpaque(), handlers: HTTP2EndEvents.self, now: 1)
    }

    static func field(_ name: String, of lines: String) -> [String] {
        lines.split(separator: "\r\n").filter { $0.hasPrefix(name + ":") }.map { String($0.dropFirst(name.count + 1)).trimmed }
    }

    /// Reads once and sends what there is to send. - Returns: false when the connection has ended.
    @discardableResult
    func turn() -> Bool {
        flush()
        switch socket.read() {
        case .bytes(let bytes):
            let failure = bytes.withUnsafeBytes { session.receive($0, now: 1) }
            flush()
            if failure != nil { hasEnded = true }
        case .end, .failed: hasEnded = true
        }
        return !hasEnded
    }

    func flush() {
        var all: [UInt8] = []
        while let frame = session.nextOutput() { all += frame }
        if !all.isEmpty { _ = socket.write(all) }
    }

    /// Takes turns until `isDone`, or the connection ends.
    func turns(until isDone: () -> Bool) {
        while !isDone(), turn() {}
    }

    // MARK: Client

    /// - Returns: the stream's token; nil when the session would open none.
    func request(_ line: String, _ fields: String = "", body: [UInt8] = [], trailers: String? = nil, ends: Bool = true) -> UInt64? {
        let token = next
        next += 1
        var stream = Stream()
        stream.outgoing = body
        stream.outgoingTrailers = trailers
        stream.isLast = ends
        streams[token] = stream
        let hasBody = !body.isEmpty || trailers != nil || !ends
        let head = Array("\(line) HTTP/1.1\r\nhost: callee\r\n\(fields)\r\n".utf8)
        guard let id = head.withUnsafeBytes({ session.request($0, token: token, hasBody: hasBody) }) else { return nil }
        streams[token]?.id = id
        flush()
        return token
    }

    /// Asks, and waits for the answer.
    func ask(_ line: String, _ fields: String = "", body: [UInt8] = [], trailers: String? = nil) -> Stream? {
        guard let token = request(line, fields, body: body, trailers: trailers) else { return nil }
        return answer(token)
    }

    func answer(_ token: UInt64) -> Stream? {
        turns { streams[token].map { $0.hasEnded || $0.reset != nil } ?? true }
        return streams[token]
    }

    // MARK: Server

    func respond(_ token: UInt64, _ head: String, body: [UInt8] = [], trailers: String? = nil, ends: Bool = true) {
        guard let id = streams[token]?.id else { return }
        streams[token]?.outgoing = body
        streams[token]?.outgoingTrailers = trailers
        streams[token]?.isLast = ends
        let hasBody = !body.isEmpty || trailers != nil || !ends
        Array("HTTP/1.1 \(head)\r\n\r\n".utf8).withUnsafeBytes { session.respond(id, $0, hasBody: hasBody) }
        flush()
    }

    /// More of a body.
    func send(_ token: UInt64, _ bytes: [UInt8], ends: Bool = false) {
        streams[token]?.outgoing += bytes
        streams[token]?.isLast = ends
        if let id = streams[token]?.id { session.readyToSend(id) }
        flush()
    }

    // MARK: Events

    fileprivate func began(_ stream: StreamID, _ head: String, ends: Bool) -> UInt64 {
        let token = next
        next += 1
        streams[token] = Stream(id: stream, head: head, hasEnded: ends)
        requests.append(token)
        return token
    }

    fileprivate func answered(_ token: UInt64, _ head: String, ends: Bool) {
        if head.hasPrefix("HTTP/1.1 1") {
            streams[token]?.interim.append(head)
        } else {
            streams[token]?.head = head
            streams[token]?.hasEnded = ends
        }
    }

    fileprivate func came(_ token: UInt64, _ bytes: UnsafeRawBufferPointer) {
        streams[token]?.body += bytes
        guard !withholdsCredit, let id = streams[token]?.id else { return }
        session.consumed(id, bytes.count)
        session.consumedConnection(bytes.count)
    }

    fileprivate func pull(_ token: UInt64, into buffer: UnsafeMutableRawBufferPointer) -> HTTP2Pull {
        guard let stream = streams[token], let id = stream.id ?? nil else { return .later }
        let count = min(buffer.count, stream.outgoing.count)
        buffer.copyBytes(from: stream.outgoing.prefix(count))
        streams[token]?.outgoing.removeFirst(count)
        guard stream.isLast, count == stream.outgoing.count else { return count > 0 ? .bytes(count) : .later }
        guard let trailers = stream.outgoingTrailers else { return .last(count) }
        Array("\(trailers)\r\n\r\n".utf8).withUnsafeBytes { session.trailers(id, $0) }
        return .lastBeforeTrailers(count)
    }

    fileprivate func change(_ token: UInt64, _ body: (inout Stream) -> Void) {
        if streams[token] != nil { body(&streams[token]!) }
    }

    fileprivate func goesAway() { wasToldToGo = true }
}

private enum HTTP2EndEvents: HTTP2Handlers {
    private static func end(_ owner: Owner) -> HTTP2End { Unmanaged<HTTP2End>.fromOpaque(owner).takeUnretainedValue() }
    private static func text(_ bytes: UnsafeRawBufferPointer) -> String { String(decoding: bytes, as: UTF8.self) }

    static func request(_ owner: Owner, stream: StreamID, _ head: UnsafeRawBufferPointer, ends: Bool) -> UInt64 {
        end(owner).began(stream, text(head), ends: ends)
    }
    static func rejected(_ owner: Owner) {}
    static func response(_ owner: Owner, token: UInt64, _ head: UnsafeRawBufferPointer, ends: Bool) {
        end(owner).answered(token, text(head), ends: ends)
    }
    static func data(_ owner: Owner, token: UInt64, _ bytes: UnsafeRawBufferPointer) { end(owner).came(token, bytes) }
    static func trailers(_ owner: Owner, token: UInt64, _ fields: UnsafeRawBufferPointer) {
        end(owner).change(token) { $0.trailers = text(fields) }
    }
    static func end(_ owner: Owner, token: UInt64) { end(owner).change(token) { $0.hasEnded = true } }
    static func reset(_ owner: Owner, token: UInt64, _ code: HBONEErrorCode) { end(owner).change(token) { $0.reset = code } }
    static func closed(_ owner: Owner, token: UInt64) {}
    static func pull(_ owner: Owner, token: UInt64, into buffer: UnsafeMutableRawBufferPointer) -> HTTP2Pull {
        end(owner).pull(token, into: buffer)
    }
    static func goAway(_ owner: Owner, lastStream: StreamID, _ code: HBONEErrorCode) { end(owner).goesAway() }
    static func pingAcknowledged(_ owner: Owner) {}
}
