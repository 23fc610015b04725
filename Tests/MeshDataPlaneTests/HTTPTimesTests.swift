import Glibc
import MeshDataPlane
import MeshPolicy
import MeshTypes
import Testing

extension DataPlaneTests {
    /// Times for long runs and streams (R5.1, R10): what is silent is ended, what is merely long is not.
    @Suite struct HTTPTimesTests {
        private func mesh(
            _ address: SocketAddress, _ isLocal: Bool, _ change: (inout ServicePolicy.Timeouts) -> Void
        ) async throws -> TwoNodes {
            try await TwoNodes(
                endpoints: [address], policy: TwoNodes.allowing { change(&$0.timeouts) }, speaks: .http, isLocal: isLocal)
        }

        private let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"

        @Test(arguments: [false, true])
        func aStreamedAnswerThatFallsSilentIsReset(_ isLocal: Bool) async throws {
            let callee = try TestListener()
            let mesh = try await mesh(callee.address, isLocal) {
                $0.request = .seconds(10)
                $0.idle = .milliseconds(300)
            }
            let caller = try HTTPCaller(mesh)
            caller.send("GET / HTTP/1.1\r\nhost: callee\r\n\r\n")
            let server = try callee.accept()
            _ = server.read()
            _ = server.write(Array(head.utf8))
            // Longer than the limit all in all, and never silent for so long.
            for _ in 0..<6 {
                _ = server.write(Array("1\r\nx\r\n".utf8))
                usleep(120_000)
            }
            let start = ContinuousClock.now
            let (bytes, ending) = caller.socket.readAll()
            #expect(String(decoding: bytes, as: UTF8.self).components(separatedBy: "1\r\nx\r\n").count == 7)
            #expect(ending == .failed(ECONNRESET))
            #expect(ContinuousClock.now - start < .milliseconds(1000))
            let record = try #require(mesh.source.nextFlow())
            #expect(record.reason == .idleTimeout && record.ending == .reset && record.request.status == 200)
            #expect([.end, .failed(ECONNRESET)].contains(server.read()), "the endpoint learns it")
        }

        @Test func anEndpointThatSaysNothingIsAnsweredFor() async throws {
            let callee = try HTTPCallee { $0.line.contains("late") ? .silence : .ok("yes") }
            let mesh = try await mesh(callee.address, true) {
                $0.request = .seconds(10)
                $0.idle = .milliseconds(200)
            }
            let caller = try HTTPCaller(mesh)
            let start = ContinuousClock.now
            let answer = try #require(caller.ask("GET /late"))
            #expect(answer.status == 504 && answer.field("x-myelin-reason") == "idle_timeout")
            #expect(ContinuousClock.now - start >= .milliseconds(200))
            #expect(caller.ask("GET /")?.status == 200, "the connection goes on")
        }

        @Test func aBodyThatComesSlowlyIsNotIdle() async throws {
            let callee = try HTTPCallee { .ok("\($0.body.count)") }
            let mesh = try await mesh(callee.address, false) {
                $0.request = .seconds(10)
                $0.idle = .milliseconds(300)
            }
            let caller = try HTTPCaller(mesh)
            caller.send("POST / HTTP/1.1\r\nhost: callee\r\ncontent-length: 6\r\n\r\n")
            for _ in 0..<6 {
                usleep(120_000)
                caller.send("x")
            }
            #expect(caller.answer()?.body == "6")
            let other = try HTTPCaller(mesh)
            other.send("POST / HTTP/1.1\r\nhost: callee\r\ncontent-length: 6\r\n\r\nx")
            #expect(other.answer()?.field("x-myelin-reason") == "idle_timeout")
        }

        @Test(arguments: [false, true])
        func aRequestWithoutADeadlineTakesAsLongAsItTakes(_ isLocal: Bool) async throws {
            let callee = try HTTPCallee { request in
                usleep(request.line.contains("run") ? 500_000 : 0)
                return .ok("done")
            }
            let policy = TwoNodes.allowing {
                $0.timeouts.request = .milliseconds(200)
                var route = ServicePolicy.Route()
                route.match.path = .exact(Array("/run".utf8))
                route.timeouts.isUnbounded = true
                $0.routes = [route]
            }
            let mesh = try await TwoNodes(endpoints: [callee.address], policy: policy, speaks: .http, isLocal: isLocal)
            #expect(try HTTPCaller(mesh).ask("POST /run")?.body == "done")
            #expect(callee.requests.last?.field("x-myelin-deadline") == [])
            #expect(try HTTPCaller(mesh).ask("POST /run", "x-myelin-deadline: 150\r\n")?.status == 504, "unless its caller gives one")
            #expect(callee.requests.last?.field("x-myelin-deadline") == ["150"])
        }

        @Test func aRequestWithoutADeadlineEndsWithItsStreamsTime() async throws {
            let callee = try HTTPCallee { _ in .silence }
            let mesh = try await mesh(callee.address, true) {
                $0.isUnbounded = true
                $0.stream = .milliseconds(300)
            }
            let start = ContinuousClock.now
            #expect(try HTTPCaller(mesh).ask("GET /")?.field("x-myelin-reason") == "deadline_exceeded")
            #expect(ContinuousClock.now - start >= .milliseconds(300))
        }

        // MARK: Connections that changed their protocol

        private func upgraded(_ mesh: TwoNodes, _ callee: TestListener) throws -> (caller: HTTPCaller, server: TestSocket) {
            let caller = try HTTPCaller(mesh)
            caller.send("GET /chat HTTP/1.1\r\nhost: callee\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\n")
            let server = try callee.accept()
            _ = server.read()
            _ = server.write(Array("HTTP/1.1 101 Switching\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n".utf8))
            #expect(caller.answer()?.status == 101)
            return (caller, server)
        }

        @Test(arguments: [false, true])
        func aSilentConnectionOfAnotherProtocolIsEnded(_ isLocal: Bool) async throws {
            let callee = try TestListener()
            let mesh = try await mesh(callee.address, isLocal) { $0.idle = .milliseconds(300) }
            let (caller, server) = try upgraded(mesh, callee)
            // Either direction is a sign of life.
            for round in 0..<6 {
                usleep(120_000)
                if round % 2 == 0 { caller.send("x") } else { _ = server.write([UInt8(ascii: "y")]) }
            }
            #expect(caller.read(3) == Array("yyy".utf8) && server.read(exactly: 3) == Array("xxx".utf8))
            let start = ContinuousClock.now
            #expect(caller.socket.read() == .failed(ECONNRESET))
            #expect(ContinuousClock.now - start < .milliseconds(1000))
            #expect(mesh.source.nextFlow()?.reason == .idleTimeout)
            #expect([.end, .failed(ECONNRESET)].contains(server.read()))
        }

        @Test(arguments: [false, true])
        func aConnectionOfAnotherProtocolLastsAsLongAsItMay(_ isLocal: Bool) async throws {
            let callee = try TestListener()
            let mesh = try await mesh(callee.address, isLocal) { $0.stream = .milliseconds(600) }
            let start = ContinuousClock.now
            let (caller, server) = try upgraded(mesh, callee)
            while ContinuousClock.now - start < .milliseconds(400) {
                caller.send("x")
                usleep(50_000)
            }
            #expect(caller.socket.read() == .failed(ECONNRESET))
            #expect(ContinuousClock.now - start >= .milliseconds(600))
            #expect(mesh.source.nextFlow()?.reason == .deadlineExceeded)
            #expect(server.readAll().ending != .bytes([]))
        }
    }
}
