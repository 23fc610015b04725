import MeshProtocols
import MeshTypes
import Testing

/// Heads in the form of HTTP/1.1 and header blocks, both ways.
struct HeadConversionTests {
    /// What a server hears of a header block.
    private static func head(_ fields: [(String, String)]) -> String? {
        let end = MessageEnd(.server)
        end.receive(RawFrames.preface + RawFrames.headers(1, fields, end: true))
        return end.requests.first
    }

    private static let start = [(":method", "GET"), (":scheme", "http"), (":path", "/a")]

    @Test func pseudoHeaderFieldsMayComeInAnyOrder() {
        let expected = "GET /a HTTP/1.1\r\nhost: w\r\n\r\n"
        let fields = Self.start + [(":authority", "w")]
        for shift in fields.indices { #expect(Self.head(Array(fields[shift...] + fields[..<shift])) == expected) }
    }

    @Test func hostStandsFirstWhereverItCame() {
        #expect(Self.head(Self.start + [("host", "w:1")]) == "GET /a HTTP/1.1\r\nhost: w:1\r\n\r\n")
        #expect(
            Self.head(Self.start + [("accept", "*/*"), ("x-a", "some longer value"), ("host", "w:1"), ("b", "2")])
                == "GET /a HTTP/1.1\r\nhost: w:1\r\naccept: */*\r\nx-a: some longer value\r\nb: 2\r\n\r\n")
    }

    @Test func aHostThatRepeatsTheAuthorityIsLeftOut() {
        #expect(
            Self.head(Self.start + [(":authority", "Wallet:80"), ("a", "1"), ("host", "wallet:80")])
                == "GET /a HTTP/1.1\r\nhost: Wallet:80\r\na: 1\r\n\r\n")
    }

    @Test func valuesComeAsTheyAre() {
        let head = Self.head(
            Self.start + [(":authority", "[fd88::1]:80"), ("cookie", "a=1"), ("cookie", "b=2"), ("empty", ""), ("x", "é \t;\"")])
        #expect(
            head == "GET /a HTTP/1.1\r\nhost: [fd88::1]:80\r\ncookie: a=1\r\ncookie: b=2\r\nempty: \r\nx: é \t;\"\r\n\r\n")
    }

    @Test func headsParseAsHTTP1() throws {
        let head = try #require(
            Self.head([
                (":method", "POST"), (":scheme", "https"), (":path", "/p?q"), (":authority", "w"), ("content-length", "0"),
                ("te", "trailers"), ("x-myelin-deadline", "50"),
            ]))
        var fields = FieldTable()
        let parsed = MessageEnd.with(head) { RequestHead.parse($0, into: &fields) }
        let request = try parsed.get()
        #expect(request.method == .post && request.deadline == 50 && request.acceptsTrailers && fields.count == 4)
        #expect(
            MessageEnd.with("*") { _ in Self.head([(":method", "OPTIONS"), (":scheme", "http"), (":path", "*"), (":authority", "w")]) }
                == "OPTIONS * HTTP/1.1\r\nhost: w\r\n\r\n")
    }

    /// Head that is sent, head that arrives.
    static let sent: [(String, String)] = [
        ("GET / HTTP/1.1\r\nhost: w\r\n\r\n", "GET / HTTP/1.1\r\nhost: w\r\n\r\n"),
        (
            "GET / HTTP/1.1\r\nAccept: a\r\nHost: w\r\nX-Long-Name:   v  \r\n\r\n",
            "GET / HTTP/1.1\r\nhost: w\r\naccept: a\r\nx-long-name: v\r\n\r\n"
        ),
        (
            "GET / HTTP/1.1\r\nhost: w\r\nconnection: te\r\nKeep-Alive: 5\r\nproxy-connection: x\r\nupgrade: h2c\r\n"
                + "http2-settings: AA\r\ntransfer-encoding: chunked\r\nte: deflate\r\na: b\r\n\r\n",
            "GET / HTTP/1.1\r\nhost: w\r\na: b\r\n\r\n"
        ),
        ("GET / HTTP/1.1\r\nhost: w\r\nTE: Trailers\r\n\r\n", "GET / HTTP/1.1\r\nhost: w\r\nte: Trailers\r\n\r\n"),
        (
            "PUT / HTTP/1.1\r\nhost: w\r\ntraceparent: 00-1\r\nx-request-id: 7\r\nx-myelin-deadline: 9\r\n\r\n",
            "PUT / HTTP/1.1\r\nhost: w\r\ntraceparent: 00-1\r\nx-request-id: 7\r\nx-myelin-deadline: 9\r\n\r\n"
        ),
    ]

    @Test(arguments: sent.indices) func requestsAreSentInTheFormOfHTTP2(_ index: Int) {
        let pair = MessagePair()
        #expect(pair.client.request(Self.sent[index].0) != nil)
        pair.settle()
        #expect(pair.server.requests == [Self.sent[index].1])
    }

    @Test(arguments: [
        "", "GET / HTTP/1.1\r\n", "GET / HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: a\n\r\n", "GET / HTTP/1.1\r\nhost: a\r\nnocolon\r\n\r\n", "GET / HTTP/1.1\r\nhost: a\r\n\r\nrest",
        "GET HTTP/1.1\r\nhost: a\r\n\r\n", "GET  HTTP/1.1\r\nhost: a\r\n\r\n", " / HTTP/1.1\r\nhost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: a\r\n: b\r\n\r\n",
    ])
    func whatIsNoHeadIsNotSent(_ head: String) {
        let pair = MessagePair()
        #expect(pair.client.request(head) == nil)
        #expect(pair.client.session.openStreams == 0)
    }

    @Test func answersAreSentInTheFormOfHTTP2() {
        let pair = MessagePair()
        let (client, server) = pair.opened()
        pair.server.respond(
            server, "HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Type: a\r\nset-cookie: a\r\nset-cookie: b\r\n\r\n")
        pair.settle()
        #expect(
            pair.client.events.first
                == .response(client, "HTTP/1.1 404 \r\ncontent-type: a\r\nset-cookie: a\r\nset-cookie: b\r\n\r\n", ends: true))
    }

    @Test func anAnswerThatIsNoHeadResetsTheStream() {
        let pair = MessagePair()
        let (client, server) = pair.opened()
        pair.server.respond(server, "HTTP/1.1 OK\r\n\r\n")
        pair.settle()
        #expect(pair.client.events == [.reset(client, .internalError), .closed(client)])
        #expect(pair.server.events == [.reset(server, .internalError), .closed(server)])
    }
}
