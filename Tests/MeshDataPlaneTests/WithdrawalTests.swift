import Glibc
import MeshDataPlane
import MeshPolicy
import MeshTypes
import Synchronization
import Testing

extension DataPlaneTests {
    /// A permit is valid for the rules that gave it: what is open is judged again when they change.
    @Suite struct WithdrawalTests {
        private static let closed = PolicySet([], namespace: "default")
        private static let bound = Duration.seconds(1)

        private func exchange(_ client: TestSocket, _ server: TestSocket, _ byte: UInt8) -> Bool {
            client.write([byte]) == 0 && server.read(exactly: 1) == [byte] && server.write([byte, byte]) == 0
                && client.read(exactly: 2) == [byte, byte]
        }

        private func waits(for callee: HTTPCallee, _ count: Int = 1) async {
            for _ in 0..<2000 where callee.requests.count < count { try? await Task.sleep(for: .milliseconds(1)) }
        }

        // MARK: Bytes

        @Test func theCalleesNodeAloneEndsAStream() async throws {
            let callee = try TestListener()
            let mesh = try await TwoNodes(endpoints: [callee.address])
            let client = try mesh.dial()
            let server = try callee.accept()
            #expect(exchange(client, server, 1))
            let start = ContinuousClock.now
            try await mesh.replace(destinationPolicy: Self.closed)
            #expect(client.read() == .failed(ECONNRESET))
            #expect(server.read() == .failed(ECONNRESET))
            #expect(ContinuousClock.now - start < Self.bound)
            #expect(mesh.destination.nextFlow { $0.ending == .reset }?.reason == .notAllowed)
            #expect(mesh.source.nextFlow { $0.ending == .reset }?.reason == .permitWithdrawn)
            let again = try mesh.dial()
            #expect(again.read() == .failed(ECONNRESET))
            #expect(mesh.source.nextFlow { $0.ending == .refused }?.reason == .notAllowed)
            try await mesh.replace(destinationPolicy: TwoNodes.allowed)
            let later = try mesh.dial()
            #expect(exchange(later, try callee.accept(), 2), "the endpoint was not taken for a broken one")
        }

        @Test(arguments: [true, false]) func theCallersNodeEndsAConnection(isLocal: Bool) async throws {
            let callee = try TestListener()
            let mesh = try await TwoNodes(endpoints: [callee.address], isLocal: isLocal, destinationPolicy: TwoNodes.allowed)
            let client = try mesh.dial()
            let server = try callee.accept()
            #expect(exchange(client, server, 1))
            try await mesh.replace(policy: Self.closed)
            #expect(client.read() == .failed(ECONNRESET))
            #expect(server.read() == .failed(ECONNRESET))
            let flow = try #require(mesh.source.nextFlow { $0.ending == .reset })
            #expect(flow.reason == .notAllowed && flow.path == (isLocal ? .local : .tunnel))
        }

        @Test(arguments: [true, false]) func whatStaysPermittedIsNotTouched(isLocal: Bool) async throws {
            let callee = try TestListener()
            let mesh = try await TwoNodes(endpoints: [callee.address], isLocal: isLocal)
            let client = try mesh.dial()
            let server = try callee.accept()
            for round in 0..<50 {
                #expect(exchange(client, server, UInt8(round)))
                let limit = round % 2 == 0 ? nil : ServicePolicy.RateLimit(requests: 5, period: .seconds(1))
                try await mesh.replace(policy: TwoNodes.allowing { $0.rateLimit = limit })
            }
            usleep(400_000)
            #expect(exchange(client, server, 99))
            #expect(mesh.source.dataPlane.counters().reduce(0) { $0 + $1.tunnelsOpened } == (isLocal ? 0 : 1))
        }

        /// More flows than are judged in one turn.
        @Test func allOfManyEndInTime() async throws {
            let callee = try TestListener()
            let mesh = try await TwoNodes(endpoints: [callee.address])
            var pairs: [(TestSocket, TestSocket)] = []
            for _ in 0..<1500 { pairs.append((try mesh.dial(), try callee.accept())) }
            let start = ContinuousClock.now
            try await mesh.replace(destinationPolicy: Self.closed)
            #expect(pairs.allSatisfy { $0.0.read() == .failed(ECONNRESET) && $0.1.read() == .failed(ECONNRESET) })
            #expect(ContinuousClock.now - start < .seconds(3))
        }

        @Test func anInstanceThatLeavesFinishesItsWork() async throws {
            let callee = try TestListener()
            let mesh = try await TwoNodes(endpoints: [callee.address])
            let client = try mesh.dial()
            let server = try callee.accept()
            #expect(exchange(client, server, 1))
            try await mesh.replace(endpoints: [])
            usleep(200_000)
            #expect(exchange(client, server, 2))
        }

        // MARK: Requests

        @Test(arguments: [true, false]) func aRequestThatWaitsIsAnsweredWithTheReason(isLocal: Bool) async throws {
            let callee = try HTTPCallee { _ in .silence }
            let mesh = try await TwoNodes(endpoints: [callee.address], speaks: .http, isLocal: isLocal)
            let caller = try HTTPCaller(mesh)
            caller.send("POST / HTTP/1.1\r\nhost: callee\r\ncontent-length: 1\r\n\r\nx")
            await waits(for: callee)
            let start = ContinuousClock.now
            try await mesh.replace(policy: Self.closed)
            let answer = try #require(caller.answer())
            #expect(answer.status == 403 && ["not_allowed", "permit_withdrawn"].contains(answer.field("x-myelin-reason")))
            #expect(ContinuousClock.now - start < Self.bound)
            #expect(caller.ask("GET /")?.field("x-myelin-reason") == "not_allowed", "the connection takes the next request")
        }

        @Test func theCalleesNodeAloneEndsARequest() async throws {
            let callee = try HTTPCallee { $0.line.hasPrefix("GET /quick") ? .ok("yes") : .silence }
            let mesh = try await TwoNodes(endpoints: [callee.address], speaks: .http)
            let (idle, waiting, other) = (try HTTPCaller(mesh), try HTTPCaller(mesh), try HTTPCaller(mesh))
            #expect(idle.ask("GET /quick")?.status == 200)
            waiting.send("POST / HTTP/1.1\r\nhost: callee\r\ncontent-length: 1\r\n\r\nx")
            other.send("GET /slow HTTP/1.1\r\nhost: callee\r\n\r\n")
            await waits(for: callee, 3)
            try await mesh.replace(destinationPolicy: Self.closed)
            let answer = try #require(waiting.answer())
            #expect(answer.status == 403 && answer.field("x-myelin-reason") == "permit_withdrawn", "it must not be sent again")
            #expect(other.answer()?.field("x-myelin-reason") == "not_allowed", "another attempt hears the reason")
            #expect(idle.ask("GET /quick")?.field("x-myelin-reason") == "not_allowed")
            #expect(callee.requests.count == 3)
        }

        @Test func noBreakerCountsAWithdrawal() async throws {
            let callee = try HTTPCallee { $0.line.hasPrefix("GET") ? .ok("yes") : .silence }
            let mesh = try await TwoNodes(endpoints: [callee.address], speaks: .http)
            for round in 0..<40 {
                let caller = try HTTPCaller(mesh)
                caller.send("POST / HTTP/1.1\r\nhost: callee\r\ncontent-length: 1\r\n\r\nx")
                await waits(for: callee, round + 1)
                try await mesh.replace(destinationPolicy: Self.closed)
                #expect(caller.answer()?.status == 403)
                try await mesh.replace(destinationPolicy: TwoNodes.allowed)
            }
            let caller = try HTTPCaller(mesh)
            for _ in 0..<10 { #expect(caller.ask("GET /")?.status == 200) }
        }

        @Test(arguments: [true, false]) func anAnswerThatHasBegunIsBrokenOff(isCalleesNode: Bool) async throws {
            let callee = try HTTPCallee { _ in .raw("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nabc") }
            let mesh = try await TwoNodes(endpoints: [callee.address], speaks: .http, destinationPolicy: TwoNodes.allowed)
            let caller = try HTTPCaller(mesh)
            caller.send("GET / HTTP/1.1\r\nhost: callee\r\n\r\n")
            #expect(caller.socket.read() != .end)
            if isCalleesNode {
                try await mesh.replace(destinationPolicy: Self.closed)
            } else {
                try await mesh.replace(policy: Self.closed)
            }
            var last = caller.socket.read()
            while case .bytes = last { last = caller.socket.read() }
            #expect(last == .failed(ECONNRESET))
            let flow = try #require(mesh.source.nextFlow { $0.ending == .reset })
            #expect(flow.reason == (isCalleesNode ? .permitWithdrawn : .notAllowed))
        }

        @Test func streamsOfHTTP2EndOneByOneAndTheirConnectionStays() async throws {
            let callee = try HTTP2Callee { $0.line.hasPrefix("GET") ? .answer(200) : .silence }
            let mesh = try await TwoNodes(endpoints: [callee.address], speaks: .http, destinationPolicy: TwoNodes.allowed)
            let caller = HTTP2End(try mesh.dial(), .client)
            #expect(caller.ask("GET /")?.head.contains("200") == true)
            let waiting = try #require(caller.request("POST /", body: [1]))
            for _ in 0..<2000 where callee.requests.count < 2 { usleep(1000) }
            try await mesh.replace(policy: Self.closed)
            let answer = try #require(caller.answer(waiting))
            #expect(answer.head.hasPrefix("HTTP/1.1 403") && answer.field("x-myelin-reason") == ["not_allowed"])
            try await mesh.replace(policy: TwoNodes.allowed)
            #expect(caller.ask("GET /")?.head.contains("200") == true)
        }

        // MARK: Operations

        @Test func restrictedOperationsReachNoStreamThatNobodyLooksInto() async throws {
            let callee = try HTTPCallee { _ in .ok("yes") }
            let mesh = try await TwoNodes(endpoints: [callee.address], speaks: .http, destinationPolicy: TwoNodes.allowed)
            let caller = try HTTPCaller(mesh)
            let claim = "/internal/v1/callee/payout/claim"
            #expect(caller.ask("POST \(claim)", body: "x")?.status == 200)
            try await mesh.replace(destinationPolicy: TwoNodes.allowing(denied: ["payout/claim"]) { _ in })
            usleep(200_000)
            #expect(caller.ask("POST \(claim)", body: "x")?.status == 403)
            #expect(callee.requests.count == 1)
            #expect(caller.ask("POST /internal/v1/callee/balance", body: "x")?.status == 200)
        }

        @Test func aDeniedOperationEndsAtTheCallersNode() async throws {
            let callee = try HTTPCallee { _ in .silence }
            let mesh = try await TwoNodes(endpoints: [callee.address], speaks: .http, isLocal: true)
            let (denied, permitted) = (try HTTPCaller(mesh), try HTTPCaller(mesh))
            denied.send("POST /internal/v1/callee/run HTTP/1.1\r\nhost: callee\r\ncontent-length: 1\r\n\r\nx")
            permitted.send("POST /internal/v1/callee/other HTTP/1.1\r\nhost: callee\r\ncontent-length: 1\r\n\r\nx")
            await waits(for: callee, 2)
            try await mesh.replace(policy: TwoNodes.allowing(denied: ["run"]) { _ in })
            #expect(denied.answer()?.field("x-myelin-reason") == "denied")
            usleep(100_000)
            let live = await mesh.source.dataPlane.activity(since: 0)
            #expect(live.busy == 1, "the other one goes on")
        }
    }
}
