import MeshDataPlane
import MeshPolicy
import MeshTypes
import Testing

extension DataPlaneTests {
    /// What RFC 9110 and RFC 9112 have an intermediary do with heads, trailers and versions.
    @Suite struct HeadSemanticsTests {
        private static func mesh(_ callee: HTTPCallee, isLocal: Bool = true) async throws -> TwoNodes {
            try await TwoNodes(endpoints: [callee.address], speaks: .http, isLocal: isLocal)
        }

        @Test func aStreamThatIsRefusedSaysWhetherItWasDeniedMalformedOrUnreachable() {
            #expect(DenialReason.notAnEndpoint.tunnelStatus == 503 && DenialReason.endpointRefused.tunnelStatus == 503)
            #expect(DenialReason.notAllowed.tunnelStatus == 401 && DenialReason.malformedRequest.tunnelStatus == 400)
        }

        private static func upgrade(_ to: String) -> String { "connection: upgrade\r\nupgrade: \(to)\r\n" }

        @Test(arguments: [("h2c,", []), ("h2c, websocket", ["websocket"]), ("websocket, h2c, foo/2", ["websocket, foo/2"])])
        func onlyProtocolsThatMayBeOfferedReachTheService(offer: String, expected: [String]) async throws {
            let callee = try HTTPCallee { _ in .ok("yes") }
            let mesh = try await Self.mesh(callee)
            let fields = "connection: upgrade, http2-settings\r\nhttp2-settings: AAMAAABk\r\nupgrade: \(offer)\r\n"
            #expect(try HTTPCaller(mesh).ask("GET /", fields)?.status == 200)
            let request = try #require(callee.requests.last)
            #expect(request.field("upgrade") == expected && request.field("http2-settings") == [])
            #expect(request.field("connection") == (expected.isEmpty ? [] : ["upgrade"]))
        }

        @Test(arguments: [("h2c, websocket", "h2c"), ("websocket", "foo"), ("websocket", "websocket, foo"), ("websocket", "websocket/13")])
        func aChangeToWhatNobodyOfferedIsABadAnswer(offer: String, taken: String) async throws {
            let callee = try HTTPCallee { _ in .raw("HTTP/1.1 101 Switching Protocols\r\n\(Self.upgrade(taken))\r\nhello") }
            let mesh = try await Self.mesh(callee)
            let answer = try HTTPCaller(mesh).ask("GET /", Self.upgrade(offer))
            #expect(answer?.status == 502 && answer?.field("x-myelin-reason") == "bad_response")
        }

        @Test func aChangeToWhatWasOfferedGoesThrough() async throws {
            let callee = try HTTPCallee { _ in .raw("HTTP/1.1 101 Switching Protocols\r\n\(Self.upgrade("WebSocket"))\r\nhello") }
            let mesh = try await Self.mesh(callee)
            let caller = try HTTPCaller(mesh)
            let answer = caller.ask("GET /", Self.upgrade("h2c, websocket"))
            #expect(answer?.status == 101 && answer?.field("upgrade") == "WebSocket")
            #expect(String(decoding: caller.read(5), as: UTF8.self) == "hello")
        }

        @Test(arguments: ["content-length: 5\r\n", "transfer-encoding: chunked\r\n"])
        func whatHasNoBodySpeaksOfNone(field: String) async throws {
            let callee = try HTTPCallee { request in
                request.line.contains("hint")
                    ? .raw("HTTP/1.1 103 Early Hints\r\n\(field)link: a\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
                    : .raw("HTTP/1.1 204 No Content\r\n\(field)x-a: 1\r\n\r\n")
            }
            let mesh = try await Self.mesh(callee)
            let caller = try HTTPCaller(mesh)
            for _ in 0..<2 {
                let answer = try #require(caller.ask("GET /"))
                #expect(answer.status == 204 && answer.field("x-a") == "1")
                #expect(answer.field("content-length") == nil && answer.field("transfer-encoding") == nil)
            }
            #expect(callee.connectionCount == 2, "whoever speaks of a body may send one: its connection is not used again")
            let hint = try #require(caller.ask("GET /hint"))
            #expect(hint.status == 103 && hint.field("link") == "a")
            #expect(hint.field("content-length") == nil && hint.field("transfer-encoding") == nil)
            #expect(caller.answer()?.status == 200)
        }

        @Test(arguments: [false, true])
        func aBadChunkBesideTheHeadIsABadAnswerAndNoReset(_ isLocal: Bool) async throws {
            let callee = try HTTPCallee { _ in .raw("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\nabc\r\n0\r\n\r\n") }
            let mesh = try await Self.mesh(callee, isLocal: isLocal)
            let caller = try HTTPCaller(mesh)
            let answer = caller.ask("POST /", body: "x")
            #expect(answer?.status == 502 && answer?.field("x-myelin-reason") == "bad_response")
            #expect(caller.ask("POST /", body: "x")?.status == 502, "the connection goes on")
        }

        @Test(arguments: ["set-cookie", "authorization", "content-type", "content-length", "host", "x-forwarded-client-cert"])
        func aTrailerThatBelongsIntoAHeadIsLeftOut(name: String) async throws {
            let callee = try HTTPCallee { _ in
                .raw(
                    "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0005;a=\"b\"\r\nhello\r\n0\r\nserver-timing: a;dur=1\r\n\(name): a=1\r\n\r\n"
                )
            }
            let mesh = try await Self.mesh(callee)
            let caller = try HTTPCaller(mesh)
            for _ in 0..<2 {
                caller.send("GET / HTTP/1.1\r\nhost: callee\r\n\r\n")
                let expected = "5\r\nhello\r\n0\r\nserver-timing: a;dur=1\r\n\r\n"
                let head = try #require(caller.answer(isHead: true))
                #expect(head.status == 200)
                #expect(String(decoding: caller.read(expected.utf8.count), as: UTF8.self) == expected)
            }
        }

        @Test(arguments: [600, 700, 999])
        func aStatusWithoutAClassIsPassedOnAndIsAFailure(status: Int) async throws {
            let callee = try HTTPCallee { _ in .raw("HTTP/1.4 \(status) X\r\ncontent-length: 2\r\n\r\nno") }
            let mesh = try await Self.mesh(callee)
            let answer = try HTTPCaller(mesh).ask("GET /")
            #expect(answer?.status == status && answer?.body == "no" && answer?.head.hasPrefix("HTTP/1.1 ") == true)
        }

        @Test func forwardsAreCountedDownAndEndHere() async throws {
            let callee = try HTTPCallee { _ in .ok("yes") }
            let mesh = try await Self.mesh(callee)
            let caller = try HTTPCaller(mesh)
            #expect(caller.ask("OPTIONS /c", "Max-Forwards: 5\r\n")?.status == 200)
            #expect(callee.requests.last?.field("max-forwards") == ["4"])
            #expect(caller.ask("OPTIONS /c", "Max-Forwards: 0\r\n")?.status == 200)
            #expect(caller.ask("TRACE /c", "max-forwards: 0\r\n")?.status == 501)
            #expect(caller.ask("GET /c", "Max-Forwards: 0\r\n")?.status == 200)
            #expect(callee.requests.map(\.line) == ["OPTIONS /c HTTP/1.1", "GET /c HTTP/1.1"])
        }

        @Test func absoluteTargetsSayWhichHostIsMeant() async throws {
            let callee = try HTTPCallee { _ in .ok("yes") }
            let mesh = try await Self.mesh(callee)
            let caller = try HTTPCaller(mesh)
            for target in ["http://other:81/c", "http://other", "http://callee:80/c"] {
                #expect(caller.ask("GET \(target)")?.status == 200)
            }
            #expect(caller.ask("OPTIONS http://other")?.status == 200)
            #expect(callee.requests.map { $0.field("host") } == [["other:81"], ["other"], ["callee:80"], ["other"]])
            #expect(callee.requests.map { $0.line.split(separator: " ")[1] } == ["/c", "/", "/c", "*"])
        }

        @Test(arguments: [false, true])
        func theStateOfATraceGoesWithItsTrace(_ isTraced: Bool) async throws {
            let callee = try HTTPCallee { _ in .ok("yes") }
            let mesh = try await Self.mesh(callee)
            let parent = isTraced ? "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01" : "00-bad"
            #expect(try HTTPCaller(mesh).ask("GET /", "traceparent: \(parent)\r\ntracestate: a=1\r\ntracestate: b=2\r\n")?.status == 200)
            #expect(callee.requests.last?.field("tracestate") == (isTraced ? ["a=1", "b=2"] : []))
            #expect(callee.requests.last?.field("traceparent").count == 1)
        }

        @Test func emptyLinesBeforeRequestsArePassedOverUpToABound() async throws {
            let callee = try HTTPCallee { _ in .ok("yes") }
            let mesh = try await Self.mesh(callee)
            let caller = try HTTPCaller(mesh)
            for _ in 0..<3 {
                caller.send("\r\n\r\n\r")
                caller.send("\n")
                #expect(caller.ask("GET /")?.status == 200)
            }
            for _ in 0..<9 { caller.send("\r\n") }
            #expect(caller.ask("GET /")?.status == 400)
        }
    }
}
