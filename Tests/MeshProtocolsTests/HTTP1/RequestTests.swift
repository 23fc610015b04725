import MeshProtocols
import MeshTypes
import Testing

@Suite struct HTTPRequestTests {
    @Test func everyCaseOfTheCorpusIsReadInOneWay() throws {
        let cases = try RequestCase.all()
        #expect(cases.count >= 150)
        for request in cases {
            // However the bytes are cut, the outcome is the same.
            for step in [request.bytes.count, 1, 2, 3, 7, 1000] {
                let outcome = RequestReader.read(request.bytes, step: step)
                switch (request.status, outcome) {
                case (nil, .whole(let length)): #expect(length == request.bytes.count, "\(request) in steps of \(step)")
                case (let status?, .refused(let refusal)): #expect(refusal.status == status, "\(request) in steps of \(step): \(refusal)")
                default: Issue.record("\(request) in steps of \(step): \(outcome), expected \(request.status.map { "\($0)" } ?? "ok")")
                }
            }
        }
    }

    /// An empty line before a request is passed over by its reader, who may have got the half of it only.
    @Test func halfAnEmptyLineIsNoBadRequestYet() {
        func outcome(_ text: String) -> HeadScanner.Outcome {
            var scanner = HeadScanner()
            return Array(text.utf8).withUnsafeBytes { scanner.scan($0) }
        }
        #expect(outcome("\r") == .incomplete)
        #expect(outcome("\rG") == .refused(.badStartLine))
        #expect(outcome("\n") == .refused(.badStartLine))
    }

    @Test func knowsWhatEndsTheConnection() throws {
        #expect(try parse("GET / HTTP/1.1\r\nhost: a\r\n\r\n").keepsAlive)
        #expect(try !parse("GET / HTTP/1.1\r\nhost: a\r\nconnection: x, Close\r\n\r\n").keepsAlive)
        #expect(try !parse("GET / HTTP/1.0\r\n\r\n").keepsAlive)
        #expect(try parse("GET / HTTP/1.0\r\nconnection: keep-alive\r\n\r\n").keepsAlive)
    }

    @Test(arguments: [
        ("h2c", false), ("h2c,", false), ("H2C", false), ("h2c/1", false), ("h2", false), ("HTTP/2.0", false), (", h2c ,", false),
        ("", false),
        ("a b", false), ("websocket/", false), ("/13", false),
        ("websocket", true), ("h2c, websocket", true), ("websocket,h2c", true), ("WebSocket/13", true), ("h2cx", true),
    ])
    func neverChangesToHTTP2InTheClear(upgrade: String, asks: Bool) throws {
        let fields = "connection: upgrade, http2-settings\r\nupgrade: \(upgrade)\r\nhttp2-settings: AAMAAABk\r\n"
        #expect(try parse("GET / HTTP/1.1\r\nhost: a\r\n\(fields)\r\n").asksUpgrade == asks)
        #expect(try !parse("GET / HTTP/1.0\r\nhost: a\r\n\(fields)\r\n").asksUpgrade)
        #expect(try !parse("GET / HTTP/1.1\r\nhost: a\r\nupgrade: \(upgrade)\r\n\r\n").asksUpgrade, "Connection does not name it")
    }

    @Test func onlyMethodsThatAskForTheWayCountForwards() throws {
        #expect(try parse("OPTIONS * HTTP/1.1\r\nhost: a\r\nMax-Forwards: 5\r\n\r\n").maxForwards == 5)
        #expect(try parse("TRACE / HTTP/1.1\r\nhost: a\r\nmax-forwards: 0\r\n\r\n").maxForwards == 0)
        for fields in ["max-forwards: x", "max-forwards: -1", "max-forwards: 1\r\nmax-forwards: 2", "max-forwards: "] {
            #expect(try parse("OPTIONS * HTTP/1.1\r\nhost: a\r\n\(fields)\r\n\r\n").maxForwards == nil)
        }
        #expect(try parse("GET / HTTP/1.1\r\nhost: a\r\nmax-forwards: 5\r\n\r\n").maxForwards == nil)
    }

    @Test(arguments: ["http://b/x", "http://a:81/x", "http://a/x", "http://A/x"])
    func theAuthorityOfAnAbsoluteTargetCounts(target: String) throws {
        for host in ["a", "a:8091", ""] {
            let bytes = Array("GET \(target) HTTP/1.1\r\nhost: \(host)\r\n\r\n".utf8)
            var table = FieldTable()
            try bytes.withUnsafeBytes { bytes in
                let head = try RequestHead.parse(bytes, into: &table).get()
                #expect(String(decoding: head.authority.slice(of: bytes), as: UTF8.self) == target.dropFirst(7).dropLast(2))
                #expect(String(decoding: head.target.slice(of: bytes), as: UTF8.self) == "/x")
            }
        }
    }

    @Test func methodsAreCaseSensitive() throws {
        #expect(try parse("GET / HTTP/1.1\r\nhost: a\r\n\r\n").method == .get)
        #expect(try parse("get / HTTP/1.1\r\nhost: a\r\n\r\n").method == .other)
        for method in HTTPMethod.allCases where method != .other {
            #expect(try parse("\(method.name) / HTTP/1.1\r\nhost: a\r\n\r\n").method == method)
        }
    }

    private func parse(_ text: String) throws -> RequestHead {
        var table = FieldTable()
        return try Array(text.utf8).withUnsafeBytes { try RequestHead.parse($0, into: &table).get() }
    }
}

@Suite struct HTTPResponseTests {
    private func parse(_ text: String, _ method: HTTPMethod = .get) -> Result<ResponseHead, HTTPRefusal> {
        var table = FieldTable()
        return Array(text.utf8).withUnsafeBytes { ResponseHead.parse($0, answering: method, into: &table) }
    }

    @Test func findsTheBodysEnd() throws {
        #expect(try parse("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n").get().body == .exactly(5))
        #expect(try parse("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").get().body == .chunked)
        #expect(try parse("HTTP/1.1 200 OK\r\n\r\n").get().body == .untilClose)
        #expect(try !parse("HTTP/1.1 200 OK\r\n\r\n").get().keepsAlive)
        #expect(try parse("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n", .head).get().body == BodyLength.none)
        #expect(try parse("HTTP/1.1 204 \r\n\r\n").get().body == BodyLength.none)
        #expect(try parse("HTTP/1.1 304 Not Modified\r\ncontent-length: 5\r\n\r\n").get().body == BodyLength.none)
        #expect(try parse("HTTP/1.1 200\r\ncontent-length: 0\r\n\r\n").get().status == 200)
    }

    @Test func anAnswerWithoutBodyThatSpeaksOfOneEndsItsConnection() throws {
        for fields in ["content-length: 5\r\n", "transfer-encoding: chunked\r\n"] {
            let head = try parse("HTTP/1.1 204 No Content\r\n\(fields)\r\n").get()
            #expect(head.body == BodyLength.none && head.isFramedByStatus && !head.keepsAlive)
        }
        #expect(try parse("HTTP/1.1 204 No Content\r\ncontent-length: 0\r\n\r\n").get().keepsAlive)
        #expect(try parse("HTTP/1.1 103 Early Hints\r\ncontent-length: 5\r\n\r\n").get().body == BodyLength.none)
        #expect(try parse("HTTP/1.1 304 Not Modified\r\ncontent-length: 5\r\n\r\n").get().keepsAlive, "it says how long the body would be")
    }

    @Test func laterVersionsAndStatusesAreReadAsTheHighestThatIsKnown() throws {
        #expect(try parse("HTTP/1.9 200 OK\r\ncontent-length: 5\r\n\r\n").get().body == .exactly(5))
        #expect(try parse("HTTP/1.1 700 X\r\ncontent-length: 5\r\n\r\n").get().status == 700)
        #expect(try parse("HTTP/1.1 999 X\r\n\r\n").get().body == .untilClose)
    }

    @Test(arguments: [
        "HTTP/2.0 200 OK\r\n\r\n", "HTTP/1.1 20 OK\r\n\r\n", "HTTP/1.1 2000 OK\r\n\r\n", "HTTP/1.1 099 OK\r\n\r\n",
        "HTTP/1.1  200 OK\r\n\r\n", "http/1.1 200 OK\r\n\r\n", "HTTP/1.1 200 O\u{1}K\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\n", "HTTP/1.1 200 OK\r\nx : y\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n", "HTTP/1.1 200 OK\r\nx: y\r\n z\r\n\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip\r\n\r\n", "HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
    ])
    func refusesWhatTwoProgramsMightReadInTwoWays(_ text: String) {
        guard case .failure = parse(text) else {
            Issue.record("accepted")
            return
        }
    }
}
