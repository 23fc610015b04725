import Foundation
import Glibc
import MeshDataPlane
import MeshPolicy
import MeshTypes
import Testing

extension DataPlaneTests {
    /// Requests through the engine, to a callee behind a tunnel and to one on the same node.
    @Suite struct HTTPExchangeTests {
        private func mesh(_ callees: [HTTPCallee], _ isLocal: Bool, _ policy: PolicySet = TwoNodes.allowed) async throws -> TwoNodes {
            try await TwoNodes(endpoints: callees.map(\.address), policy: policy, speaks: .http, isLocal: isLocal)
        }

        @Test(arguments: [false, true])
        func carriesRequestAfterRequestOnOneConnection(_ isLocal: Bool) async throws {
            let callee = try HTTPCallee { .ok("you asked \($0.line)", "x-own: 1\r\n") }
            let mesh = try await mesh([callee], isLocal)
            let caller = try HTTPCaller(mesh)
            for number in 0..<5 {
                let answer = try #require(caller.ask("GET /a/\(number)?b=c", "accept: */*\r\n"))
                #expect(answer.status == 200 && answer.field("x-own") == "1")
                #expect(answer.body == "you asked GET /a/\(number)?b=c HTTP/1.1")
            }
            #expect(callee.connectionCount == 1, "the endpoint's connection is used again")
            let request = try #require(callee.requests.first)
            #expect(request.field("host") == ["callee"] && request.field("accept") == ["*/*"])
            #expect(request.field("x-request-id").count == 1 && request.field("traceparent").count == 1)
            #expect(request.field("x-myelin-deadline") == ["3000"])
            let record = try #require(mesh.source.nextFlow())
            #expect(record.request.isPresent && record.request.status == 200 && record.request.path == "/a/0")
            #expect(request.field("x-request-id") == [record.request.identifier.text])
            #expect(request.field("traceparent").first?.contains(String(record.request.traceLow, radix: 16)) == true)
            #expect(record.request.method == .get && record.request.attempts == 1 && record.path == (isLocal ? .local : .tunnel))
        }

        /// New callers wait for it to end, and for the next daemon.
        @Test func aDrainingNodeIsNotHeldByConnectionsWithoutRequests() async throws {
            let callee = try HTTPCallee { _ in .ok("") }
            let mesh = try await mesh([callee], false)
            let callers = try (0..<8).map { _ in try HTTPCaller(mesh) }
            for caller in callers { caller.send("GET / HTTP/1.1\r\nhost: callee\r\n\r\n") }
            for caller in callers { #expect(caller.answer()?.status == 200) }
            #expect(await mesh.destination.timeToDrain() < .milliseconds(500))
        }

        @Test(arguments: [false, true])
        func keepsTheOrderOfPipelinedRequests(_ isLocal: Bool) async throws {
            let callee = try HTTPCallee { .ok(String($0.line.dropFirst(4).prefix(2))) }
            let mesh = try await mesh([callee], isLocal)
            let caller = try HTTPCaller(mesh)
            caller.send((0..<8).map { "GET /\($0) HTTP/1.1\r\nhost: callee\r\n\r\n" }.joined())
            for number in 0..<8 { #expect(caller.answer()?.body == "/\(number)") }
        }

        @Test(arguments: [false, true])
        func passesBodiesOfBothKinds(_ isLocal: Bool) async throws {
            let callee = try HTTPCallee { .ok("\($0.body.count)") }
            let mesh = try await mesh([callee], isLocal)
            let caller = try HTTPCaller(mesh)
            let body = String(repeating: "x", count: 300_000)
            #expect(caller.ask("POST /", body: body)?.body == "300000")
            caller.send("PUT / HTTP/1.1\r\nhost: callee\r\ntransfer-encoding: chunked\r\n\r\n")
            for part in ["5\r\nhel", "lo\r\n", "1\r\n!\r\n0\r", "\n\r\n"] {
                caller.send(part)
                usleep(20_000)
            }
            #expect(caller.answer()?.body == "21")
            #expect(callee.requests.last?.body == Array("5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n".utf8))
            #expect(caller.ask("GET /again")?.status == 200)
        }

        @Test(arguments: [false, true])
        func passesLargeAndChunkedAnswers(_ isLocal: Bool) async throws {
            let large = String(repeating: "0123456789", count: 500_000)
            let callee = try HTTPCallee { request in
                request.line.contains("chunks")
                    ? .raw("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nx-trailer: t\r\n\r\n") : .ok(large)
            }
            let mesh = try await mesh([callee], isLocal)
            let caller = try HTTPCaller(mesh)
            #expect(caller.ask("GET /large")?.body == large)
            caller.send("GET /chunks HTTP/1.1\r\nhost: callee\r\n\r\n")
            let chunks = "3\r\nabc\r\n0\r\nx-trailer: t\r\n\r\n"
            let bytes = caller.read(chunks.utf8.count + "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".utf8.count)
            #expect(String(decoding: bytes, as: UTF8.self).hasSuffix(chunks))
            #expect(caller.ask("GET /large")?.body.count == large.count)
        }

        @Test func answersOfHeadAndOfNoContentHaveNoBody() async throws {
            let callee = try HTTPCallee { request in
                request.line.hasPrefix("HEAD") ? .raw("HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n") : .raw("HTTP/1.1 204 No\r\n\r\n")
            }
            let mesh = try await mesh([callee], true)
            let caller = try HTTPCaller(mesh)
            #expect(caller.ask("HEAD /")?.field("content-length") == "500")
            #expect(caller.ask("GET /")?.status == 204)
            #expect(caller.ask("HEAD /")?.status == 200)
        }

        @Test func anAnswerDelimitedByTheEndEndsTheCallersConnection() async throws {
            let callee = try HTTPCallee { _ in .rawThenClose("HTTP/1.1 200 OK\r\n\r\nuntil the end") }
            let mesh = try await mesh([callee], false)
            let caller = try HTTPCaller(mesh)
            let answer = try #require(caller.ask("GET /"))
            #expect(answer.body == "until the end" && answer.field("connection") == "close")
        }

        @Test func servesHTTP10() async throws {
            let callee = try HTTPCallee { .rawThenClose("HTTP/1.0 200 OK\r\n\r\n\($0.line)") }
            let mesh = try await mesh([callee], true)
            let caller = try HTTPCaller(mesh)
            caller.send("GET /old HTTP/1.0\r\n\r\n")
            #expect(caller.answer()?.body == "GET /old HTTP/1.0")
        }

        @Test(arguments: [false, true])
        func changesProtocols(_ isLocal: Bool) async throws {
            let callee = try TestListener()
            let policy = TwoNodes.allowing { $0.timeouts.request = .milliseconds(300) }
            let mesh = try await TwoNodes(endpoints: [callee.address], policy: policy, speaks: .http, isLocal: isLocal)
            let caller = try HTTPCaller(mesh)
            caller.send("GET /chat HTTP/1.1\r\nhost: callee\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\n")
            let server = try callee.accept()
            guard case .bytes(let head) = server.read() else { throw TestFailure() }
            #expect(String(decoding: head, as: UTF8.self).contains("upgrade: websocket\r\n"))
            _ = server.write(Array("HTTP/1.1 101 Switching\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\nfirst".utf8))
            #expect(caller.answer()?.field("upgrade") == "websocket")
            #expect(caller.read(5) == Array("first".utf8))
            // Longer than the deadline of a request, and half-closed in the end.
            usleep(700_000)
            caller.send("ping")
            #expect(server.read(exactly: 4) == Array("ping".utf8))
            caller.socket.finish()
            #expect(server.read() == .end)
            #expect(server.write(Array("bye".utf8)) == 0)
            server.close()
            #expect(caller.read(nil) == Array("bye".utf8))
        }

        @Test func passesInterimAnswersOn() async throws {
            let callee = try HTTPCallee { _ in .raw("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok") }
            let mesh = try await mesh([callee], false)
            let caller = try HTTPCaller(mesh)
            #expect(caller.ask("POST /", "expect: 100-continue\r\n", body: "x")?.status == 100)
            #expect(caller.answer()?.body == "ok")
        }

        struct TestFailure: Error {}
    }
}
