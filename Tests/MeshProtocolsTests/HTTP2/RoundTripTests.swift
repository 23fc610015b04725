import MeshProtocols
import MeshTypes
import Testing

/// Not a verdict but a figure: how long both ends of a connection take for a request and its answer, without sockets.
@Suite(.serialized) struct RoundTripTests {
    private static func carry(_ from: HTTP2Session, _ to: HTTP2Session) -> Int {
        var count = 0
        while let frame = from.nextOutput() {
            count += frame.count
            if to.receive(frame, now: 0) != nil { fatalError("refused") }
        }
        return count
    }

    @Test func requestsOverOneConnection() {
        let client = Caller()
        let server = Answerer()
        while Self.carry(client.session, server.session) + Self.carry(server.session, client.session) > 0 {}
        let batch = 64
        let rounds = 300
        let elapsed = ContinuousClock().measure {
            for _ in 0..<rounds {
                for _ in 0..<batch { client.ask() }
                while Self.carry(client.session, server.session) + Self.carry(server.session, client.session) > 0 {}
            }
        }
        #expect(client.answers == batch * rounds && client.bytes == batch * rounds * Answerer.size)
        #expect(client.session.openStreams == 0 && server.session.openStreams == 0)
        print("request of 12 fields and answer of 7 with 128 bytes, \(batch) at a time: \(elapsed / (batch * rounds))")
    }
}

private final class Caller {
    private(set) var session: HTTP2Session!
    var answers = 0
    var bytes = 0
    private let head = Array(
        """
        POST /internal/v1/wallet/balance HTTP/1.1\r
        host: wallet:8080\r
        content-type: application/grpc\r
        te: trailers\r
        user-agent: grpc-swift\r
        grpc-accept-encoding: gzip\r
        authorization: Bearer 0123456789abcdef0123456789abcdef\r
        x-request-id: 01234567-89ab-4def-8123-456789abcdef\r
        traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r
        tracestate: a=b\r
        x-tenant: acme\r
        x-myelin-deadline: 2950\r
        \r\n
        """.utf8)

    init() {
        session = HTTP2Session(role: .client, owner: Unmanaged.passUnretained(self).toOpaque(), handlers: CallerHandlers.self, now: 0)
    }

    func ask() { _ = head.withUnsafeBytes { session.request($0, token: 1, hasBody: false) } }
}

private final class Answerer {
    static let size = 128
    private(set) var session: HTTP2Session!
    private let head = Array(
        """
        HTTP/1.1 200 \r
        content-type: application/grpc\r
        server: wallet\r
        date: Wed, 25 Nov 2026 10:00:00 GMT\r
        content-length: 128\r
        cache-control: no-store\r
        x-request-id: 01234567-89ab-4def-8123-456789abcdef\r
        \r\n
        """.utf8)

    init() {
        session = HTTP2Session(role: .server, owner: Unmanaged.passUnretained(self).toOpaque(), handlers: AnswererHandlers.self, now: 0)
    }

    func answer(_ stream: StreamID) { head.withUnsafeBytes { session.respond(stream, $0, hasBody: true) } }
}

private enum CallerHandlers: HTTP2Handlers {
    static func caller(_ owner: Owner) -> Caller { Unmanaged<Caller>.fromOpaque(owner).takeUnretainedValue() }

    static func request(_ owner: Owner, stream: StreamID, _ head: UnsafeRawBufferPointer, ends: Bool) -> UInt64 { 0 }
    static func rejected(_ owner: Owner) {}
    static func response(_ owner: Owner, token: UInt64, _ head: UnsafeRawBufferPointer, ends: Bool) { caller(owner).answers += 1 }
    static func data(_ owner: Owner, token: UInt64, _ bytes: UnsafeRawBufferPointer) {
        caller(owner).bytes += bytes.count
        caller(owner).session.consumedConnection(bytes.count)
    }
    static func trailers(_ owner: Owner, token: UInt64, _ fields: UnsafeRawBufferPointer) {}
    static func end(_ owner: Owner, token: UInt64) {}
    static func reset(_ owner: Owner, token: UInt64, _ code: HBONEErrorCode) {}
    static func closed(_ owner: Owner, token: UInt64) {}
    static func pull(_ owner: Owner, token: UInt64, into buffer: UnsafeMutableRawBufferPointer) -> HTTP2Pull { .later }
    static func goAway(_ owner: Owner, lastStream: StreamID, _ code: HBONEErrorCode) {}
    static func pingAcknowledged(_ owner: Owner) {}
}

private enum AnswererHandlers: HTTP2Handlers {
    static func request(_ owner: Owner, stream: StreamID, _ head: UnsafeRawBufferPointer, ends: Bool) -> UInt64 {
        Unmanaged<Answerer>.fromOpaque(owner).takeUnretainedValue().answer(stream)
        return 1
    }
    static func rejected(_ owner: Owner) {}
    static func response(_ owner: Owner, token: UInt64, _ head: UnsafeRawBufferPointer, ends: Bool) {}
    static func data(_ owner: Owner, token: UInt64, _ bytes: UnsafeRawBufferPointer) {}
    static func trailers(_ owner: Owner, token: UInt64, _ fields: UnsafeRawBufferPointer) {}
    static func end(_ owner: Owner, token: UInt64) {}
    static func reset(_ owner: Owner, token: UInt64, _ code: HBONEErrorCode) {}
    static func closed(_ owner: Owner, token: UInt64) {}
    static func pull(_ owner: Owner, token: UInt64, into buffer: UnsafeMutableRawBufferPointer) -> HTTP2Pull {
        .last(min(Answerer.size, buffer.count))
    }
    static func goAway(_ owner: Owner, lastStream: StreamID, _ code: HBONEErrorCode) {}
    static func pingAcknowledged(_ owner: Owner) {}
}
