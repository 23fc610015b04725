import MeshProtocols
import MeshTypes

/// One side of an in-memory connection of requests: a session and everything that it told its owner.
final class MessageEnd {
    enum Event: Equatable {
        case request(UInt64, String, ends: Bool)
        case rejected
        case response(UInt64, String, ends: Bool)
        case data(UInt64, Int)
        case trailers(UInt64, String)
        case end(UInt64)
        case reset(UInt64, HBONEErrorCode)
        case closed(UInt64)
        case goAway(Int32, HBONEErrorCode)
        case ping
    }

    /// What a stream has to send.
    struct Outgoing {
        var bytes: [UInt8] = []
        var ends = false
        var trailers: String?
        var aborts: HBONEErrorCode?
    }

    private(set) var session: HTTP2Session!
    var events: [Event] = []
    var received: [UInt64: [UInt8]] = [:]
    var outgoing: [UInt64: Outgoing] = [:]
    var streams: [UInt64: StreamID] = [:]
    /// Bytes that came on a stream are given back at once, unless the stream is listed here.
    var stalled: Set<UInt64> = []
    /// What a server does with a request before it gives it a token.
    var onRequest: (MessageEnd, StreamID, UInt64) -> UInt64 = { _, _, token in token }
    private var nextToken: UInt64 = 1

    init(_ role: HTTP2Session.Role, limits: HTTP2Limits = HTTP2Limits()) {
        session = HTTP2Session(
            role: role, limits: limits, owner: Unmanaged.passUnretained(self).toOpaque(), handlers: MessageRecorder.self, now: 0)
    }

    fileprivate func newToken() -> UInt64 {
        defer { nextToken += 1 }
        return nextToken
    }

    func request(_ head: String, hasBody: Bool = false) -> UInt64? {
        let token = newToken()
        guard let stream = Self.with(head, { session.request($0, token: token, hasBody: hasBody) }) else { return nil }
        streams[token] = stream
        return token
    }

    func respond(_ token: UInt64, _ head: String, hasBody: Bool = false) {
        Self.with(head) { session.respond(streams[token]!, $0, hasBody: hasBody) }
    }

    func inform(_ token: UInt64, _ head: String) { Self.with(head) { session.inform(streams[token]!, $0) } }

    func send(_ bytes: [UInt8], on token: UInt64, end: Bool = false, trailers: String? = nil) {
        outgoing[token, default: Outgoing()].bytes += bytes
        if end { outgoing[token, default: Outgoing()].ends = true }
        outgoing[token]?.trailers = trailers
        session.readyToSend(streams[token]!)
    }

    /// Everything that the session wants to send now.
    func output() -> [UInt8] {
        var bytes: [UInt8] = []
        while let frame = session.nextOutput() { bytes += frame }
        return bytes
    }

    @discardableResult
    func receive(_ bytes: [UInt8], now: UInt64 = 0) -> HBONEFailure? { bytes.withUnsafeBytes { session.receive($0, now: now) } }

    /// The heads of requests that came.
    var requests: [String] { events.compactMap { if case .request(_, let head, _) = $0 { head } else { nil } } }

    static func with<Result>(_ text: String, _ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        Array(text.utf8).withUnsafeBytes(body)
    }

    fileprivate func pull(_ token: UInt64, into buffer: UnsafeMutableRawBufferPointer) -> HTTP2Pull {
        guard var queue = outgoing[token] else { return .later }
        let count = min(queue.bytes.count, buffer.count)
        buffer.copyBytes(from: queue.bytes[..<count])
        queue.bytes.removeFirst(count)
        outgoing[token] = queue
        if queue.bytes.isEmpty, queue.ends {
            guard let trailers = queue.trailers else { return .last(count) }
            Self.with(trailers) { session.trailers(streams[token]!, $0) }
            return .lastBeforeTrailers(count)
        }
        if count > 0 { return .bytes(count) }
        return queue.aborts.map { .reset($0) } ?? .later
    }
}

/// Turns handler calls into events.
private enum MessageRecorder: HTTP2Handlers {
    static func end(_ owner: Owner) -> MessageEnd { Unmanaged<MessageEnd>.fromOpaque(owner).takeUnretainedValue() }

    static func request(_ owner: Owner, stream: StreamID, _ head: UnsafeRawBufferPointer, ends: Bool) -> UInt64 {
        let end = end(owner)
        let token = end.newToken()
        end.streams[token] = stream
        end.events.append(.request(token, String(decoding: head, as: UTF8.self), ends: ends))
        return end.onRequest(end, stream, token)
    }
    static func rejected(_ owner: Owner) { end(owner).events.append(.rejected) }
    static func response(_ owner: Owner, token: UInt64, _ head: UnsafeRawBufferPointer, ends: Bool) {
        end(owner).events.append(.response(token, String(decoding: head, as: UTF8.self), ends: ends))
    }
    static func data(_ owner: Owner, token: UInt64, _ bytes: UnsafeRawBufferPointer) {
        let end = end(owner)
        end.received[token, default: []] += bytes
        if case .data(token, let count) = end.events.last {
            end.events[end.events.count - 1] = .data(token, count + bytes.count)
        } else {
            end.events.append(.data(token, bytes.count))
        }
        end.session.consumedConnection(bytes.count)
        if !end.stalled.contains(token) { end.streams[token].map { end.session.consumed($0, bytes.count) } }
    }
    static func trailers(_ owner: Owner, token: UInt64, _ fields: UnsafeRawBufferPointer) {
        end(owner).events.append(.trailers(token, String(decoding: fields, as: UTF8.self)))
    }
    static func end(_ owner: Owner, token: UInt64) { end(owner).events.append(.end(token)) }
    static func reset(_ owner: Owner, token: UInt64, _ code: HBONEErrorCode) { end(owner).events.append(.reset(token, code)) }
    static func closed(_ owner: Owner, token: UInt64) { end(owner).events.append(.closed(token)) }
    static func pull(_ owner: Owner, token: UInt64, into buffer: UnsafeMutableRawBufferPointer) -> HTTP2Pull {
        end(owner).pull(token, into: buffer)
    }
    static func goAway(_ owner: Owner, lastStream: StreamID, _ code: HBONEErrorCode) {
        end(owner).events.append(.goAway(lastStream.rawValue, code))
    }
    static func pingAcknowledged(_ owner: Owner) { end(owner).events.append(.ping) }
}

/// A client and a server, joined.
struct MessagePair {
    let client: MessageEnd
    let server: MessageEnd

    init(client: HTTP2Limits = HTTP2Limits(), server: HTTP2Limits = HTTP2Limits()) {
        self.client = MessageEnd(.client, limits: client)
        self.server = MessageEnd(.server, limits: server)
    }

    /// Carries bytes until neither side has any left.
    func settle(now: UInt64 = 0) {
        while true {
            let up = client.output()
            if !up.isEmpty { server.receive(up, now: now) }
            let down = server.output()
            if !down.isEmpty { client.receive(down, now: now) }
            if up.isEmpty, down.isEmpty { return }
        }
    }

    /// A request whose body is still open, with the events up to there forgotten. Tokens of both sides.
    func opened(_ head: String = Heads.post) -> (client: UInt64, server: UInt64) {
        let token = client.request(head, hasBody: true)!
        settle()
        guard case .request(let accepted, _, ends: false) = server.events.last else { fatalError("no request came") }
        client.events = []
        server.events = []
        return (token, accepted)
    }
}

enum Heads {
    static let get = "GET /items?id=1 HTTP/1.1\r\nhost: wallet:8080\r\naccept: */*\r\n\r\n"
    static let post = "POST /items HTTP/1.1\r\nhost: wallet:8080\r\ncontent-type: application/grpc\r\nte: trailers\r\n\r\n"
    static let ok = "HTTP/1.1 200 \r\ncontent-type: text/plain\r\n\r\n"
    static let grpcTrailers = "grpc-status: 0\r\ngrpc-message: fine\r\n\r\n"
}
