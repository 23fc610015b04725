import MeshProtocols
import MeshTypes
import Testing

/// What RFC 9113 §8.1.1 calls malformed is answered with RST_STREAM, whatever could be made of it; the connection goes on.
struct MalformedMessageTests {
    typealias Fields = [(String, String)]

    private static let good: Fields = [(":method", "GET"), (":scheme", "http"), (":path", "/"), (":authority", "w")]

    private static func without(_ name: String) -> Fields { good.filter { $0.0 != name } }
    private static func with(_ name: String, _ value: String) -> Fields { good.map { $0.0 == name ? (name, value) : $0 } }

    static let requests: [(name: String, fields: Fields)] = [
        ("no method", without(":method")), ("no scheme", without(":scheme")), ("no path", without(":path")),
        ("no authority", without(":authority")), ("empty", []), ("fields only", [("host", "w"), ("a", "b")]),
        ("two methods", good + [(":method", "GET")]), ("two schemes", good + [(":scheme", "http")]),
        ("two paths", good + [(":path", "/other")]), ("two authorities", good + [(":authority", "w")]),
        ("late path", without(":path") + [("a", "b"), (":path", "/")]),
        ("late authority", without(":authority") + [("a", "b"), (":authority", "w")]),
        ("status", good + [(":status", "200")]), ("unknown pseudo-header field", good + [(":version", "1")]),
        ("protocol that was not offered", with(":method", "CONNECT") + [(":protocol", "websocket")]),
        ("empty method", with(":method", "")), ("method with a space", with(":method", "GET /a")),
        ("method with a line end", with(":method", "GET\r\nx: y")), ("method that is no token", with(":method", "G(T")),
        ("empty path", with(":path", "")), ("path without slash", with(":path", "a")), ("asterisk of GET", with(":path", "*")),
        ("absolute path", with(":path", "http://w/")), ("path with a space", with(":path", "/a HTTP/1.1")),
        ("path with a line end", with(":path", "/ HTTP/1.1\r\nx: y")), ("path with NUL", with(":path", "/a\0")),
        ("path with a tab", with(":path", "/a\tb")), ("path with DEL", with(":path", "/a\u{7f}")),
        ("path with a fragment", with(":path", "/a#b")), ("path beyond ASCII", with(":path", "/é")),
        ("empty scheme", with(":scheme", "")), ("other scheme", with(":scheme", "ftp")),
        ("scheme with a line end", with(":scheme", "http\r\n")),
        ("empty authority", with(":authority", "")), ("authority with user", with(":authority", "user@w")),
        ("authority with a space", with(":authority", "w x")), ("authority with a path", with(":authority", "w/x")),
        ("authority with a line end", with(":authority", "w\r\nx: y")), ("host that differs", good + [("host", "other")]),
        ("host that differs in the port", good + [("host", "w:80")]),
        ("two hosts", without(":authority") + [("host", "w"), ("host", "w")]),
        ("two hosts like the authority", good + [("host", "w"), ("host", "w")]), ("empty host", without(":authority") + [("host", "")]),
        ("host with a space", without(":authority") + [("host", "w x")]), ("upper case", good + [("X-A", "b")]),
        ("empty name", good + [("", "b")]), ("name with a space", good + [("a b", "c")]), ("name with a colon", good + [("a:b", "c")]),
        ("name with a line end", good + [("a\r\nb", "c")]), ("name beyond ASCII", good + [("é", "c")]),
        ("value with CR", good + [("a", "b\rc")]), ("value with LF", good + [("a", "b\nx: y")]), ("value with NUL", good + [("a", "b\0")]),
        ("value with a control", good + [("a", "b\u{1}c")]), ("value with DEL", good + [("a", "b\u{7f}")]),
        ("value with a space before", good + [("a", " b")]), ("value with a tab behind", good + [("a", "b\t")]),
        ("connection", good + [("connection", "close")]), ("keep-alive", good + [("keep-alive", "1")]),
        ("proxy-connection", good + [("proxy-connection", "close")]), ("transfer-encoding", good + [("transfer-encoding", "chunked")]),
        ("upgrade", good + [("upgrade", "h2c")]), ("te", good + [("te", "gzip")]), ("te with more", good + [("te", "trailers, gzip")]),
        ("content-length that is none", good + [("content-length", "+1")]),
        ("content-length in hexadecimal", good + [("content-length", "0x1")]),
        ("two content-lengths", good + [("content-length", "0"), ("content-length", "0")]),
        ("content-length list", good + [("content-length", "0, 0")]), ("content-length without a body", good + [("content-length", "5")]),
        ("content-length too long", good + [("content-length", "9999999999999999999999")]),
    ]

    private static func server() -> MessageEnd {
        let end = MessageEnd(.server)
        end.receive(RawFrames.preface)
        _ = end.output()
        return end
    }

    /// The stream was reset as malformed, and another request is served.
    private static func expectReset(_ end: MessageEnd, _ name: String, sourceLocation: SourceLocation = #_sourceLocation) {
        let frames = RawFrames.parse(end.output())
        #expect(
            frames.contains { $0.type == 3 && $0.stream == 1 && $0.payload == RawFrames.word(HBONEErrorCode.protocolError.rawValue) },
            "\(name): \(frames)", sourceLocation: sourceLocation)
        #expect(end.session.failure == nil && end.session.openStreams == 0, "\(name)", sourceLocation: sourceLocation)
        end.receive(RawFrames.headers(3, good, end: true))
        #expect(end.requests.last == "GET / HTTP/1.1\r\nhost: w\r\n\r\n", "\(name)", sourceLocation: sourceLocation)
    }

    @Test(arguments: requests.indices) func malformedRequestsAreReset(_ index: Int) {
        let (name, fields) = Self.requests[index]
        let end = Self.server()
        end.receive(RawFrames.headers(1, fields, end: true))
        #expect(end.events == [.rejected] || name == "content-length without a body" && end.events.isEmpty, "\(name): \(end.events)")
        Self.expectReset(end, name)
    }

    @Test func theGoodRequestOfTheCorpusIsGood() {
        let end = Self.server()
        end.receive(RawFrames.headers(1, Self.good + [("te", "trailers"), ("content-length", "0")], end: true))
        #expect(end.requests.count == 1)
    }

    @Test(arguments: ["123456", "1234"]) func bodiesThatDisagreeWithContentLengthAreReset(_ body: String) {
        let end = Self.server()
        end.receive(RawFrames.headers(1, Self.good + [("content-length", "5")]))
        end.receive(RawFrames.data(1, Array(body.utf8), flags: 1))
        _ = end.output()
        #expect(end.events.suffix(2) == [.reset(1, .protocolError), .closed(1)])
        #expect(!end.events.contains(.end(1)))
    }

    static let trailers: [(name: String, fields: Fields)] = [
        ("pseudo-header field", [(":path", "/")]), ("status", [(":status", "200")]), ("upper case", [("A", "b")]),
        ("connection", [("connection", "close")]), ("transfer-encoding", [("transfer-encoding", "chunked")]),
        ("value with LF", [("a", "b\nc")]),
    ]

    @Test(arguments: trailers.indices) func malformedTrailersAreReset(_ index: Int) {
        let (name, fields) = Self.trailers[index]
        let end = Self.server()
        end.receive(RawFrames.headers(1, Self.good) + RawFrames.headers(1, fields, end: true))
        _ = end.output()
        #expect(end.events.suffix(2) == [.reset(1, .protocolError), .closed(1)], "\(name)")
        #expect(end.events.count == 3 && end.session.failure == nil)
    }

    /// What would mean something else in a head says nothing in trailers, and is no reason to end a message that is sound.
    @Test(arguments: ["set-cookie", "authorization", "content-type", "cookie", "host", "x-forwarded-client-cert", "x-myelin-reason"])
    func trailersThatBelongIntoAHeadAreLeftOut(_ name: String) {
        let end = Self.server()
        end.receive(RawFrames.headers(1, Self.good) + RawFrames.headers(1, [("a", "b"), (name, "c"), ("grpc-status", "0")], end: true))
        #expect(end.events.contains(.trailers(1, "a: b\r\ngrpc-status: 0\r\n\r\n")) && end.events.last == .end(1), "\(end.events)")
        let client = MessageEnd(.client)
        let token = client.request(Heads.get)!
        _ = client.output()
        client.receive(RawFrames.settings() + RawFrames.headers(1, [(":status", "200")]) + RawFrames.headers(1, [(name, "c")], end: true))
        #expect(client.events.contains(.trailers(token, "\r\n")) && client.events.contains(.end(token)), "\(client.events)")
    }

    @Test func trailersThatDoNotEndTheStreamAreReset() {
        let end = Self.server()
        end.receive(RawFrames.headers(1, Self.good) + RawFrames.headers(1, [("a", "b")]))
        _ = end.output()
        #expect(end.events.suffix(2) == [.reset(1, .protocolError), .closed(1)])
    }

    static let answers: [(name: String, fields: Fields)] = [
        ("no status", [("a", "b")]), ("two statuses", [(":status", "200"), (":status", "200")]), ("short status", [(":status", "20")]),
        ("status below", [(":status", "099")]), ("signed status", [(":status", "+20")]),
        ("101", [(":status", "101")]), ("path", [(":status", "200"), (":path", "/")]), ("late status", [("a", "b"), (":status", "200")]),
        ("status with a line end", [(":status", "200\r\nx: y")]), ("upper case", [(":status", "200"), ("A", "b")]),
        ("value with LF", [(":status", "200"), ("a", "b\nc")]), ("connection", [(":status", "200"), ("connection", "close")]),
        ("transfer-encoding", [(":status", "200"), ("transfer-encoding", "chunked")]),
        ("two content-lengths", [(":status", "200"), ("content-length", "1"), ("content-length", "2")]),
    ]

    @Test(arguments: answers.indices) func malformedAnswersAreReset(_ index: Int) {
        let (name, fields) = Self.answers[index]
        let client = MessageEnd(.client)
        let token = client.request(Heads.get)!
        _ = client.output()
        client.receive(RawFrames.settings() + RawFrames.headers(1, fields))
        let frames = RawFrames.parse(client.output())
        #expect(client.events == [.reset(token, .protocolError), .closed(token)], "\(name)")
        #expect(frames.contains { $0.type == 3 && $0.payload == RawFrames.word(1) }, "\(name)")
        #expect(client.session.failure == nil && client.session.openStreams == 0)
    }

    @Test(arguments: ["CONNECT", "connect"]) func connectIsNotServed(_ method: String) {
        let end = Self.server()
        let fields = method == "CONNECT" ? [(":method", method), (":authority", "w:80")] : Self.with(":method", method)
        end.receive(RawFrames.headers(1, fields))
        let client = MessageEnd(.client)
        let token = client.request(Heads.get)!
        _ = client.output()
        client.receive(RawFrames.settings() + end.output())
        #expect(client.events.first == .response(token, "HTTP/1.1 501 \r\nx-myelin-reason: bad_request\r\n\r\n", ends: true))
        #expect(end.events == [.rejected] && end.session.openStreams == 0)
    }

    /// As with HTTP/1.1, only the request is refused, not those that share its connection.
    @Test func headsThatAreTooLargeAreAnswered() {
        let end = Self.server()
        let block = RawFrames.block(Self.good + (0..<700).map { ("x-field-\($0)", String(repeating: "v", count: 60)) })
        var frames = RawFrames.frame(1, flags: 1, stream: 1, Array(block.prefix(16_000)))
        for start in stride(from: 16_000, to: block.count, by: 16_000) {
            let piece = Array(block[start..<min(start + 16_000, block.count)])
            frames += RawFrames.frame(9, flags: start + 16_000 >= block.count ? 4 : 0, stream: 1, piece)
        }
        #expect(end.receive(frames) == nil)
        let client = MessageEnd(.client)
        let token = client.request(Heads.get)!
        _ = client.output()
        client.receive(RawFrames.settings() + end.output())
        #expect(client.events.first == .response(token, "HTTP/1.1 431 \r\nx-myelin-reason: bad_request\r\n\r\n", ends: true))
        #expect(end.events == [.rejected])
    }
}
