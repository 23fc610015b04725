import Glibc
import MeshDataPlane
import MeshPolicy
import MeshProtocols
import MeshRouting
import MeshTypes
import Synchronization
import Testing

/// Requests on streams of HTTP/2, each treated on its own.
extension DataPlaneTests {
    @Suite struct HTTP2ExchangeTests {
        private func mesh(
            _ callees: [SocketAddress], isLocal: Bool = false, speaks applicationProtocol: ApplicationProtocol = .http2,
            _ change: (inout ServicePolicy) -> Void = { _ in }
        ) async throws -> TwoNodes {
            try await TwoNodes(endpoints: callees, policy: TwoNodes.allowing(change), speaks: applicationProtocol, isLocal: isLocal)
        }

        private func caller(_ mesh: TwoNodes) throws -> HTTP2End { HTTP2End(try mesh.dial(), .client) }

        @Test(arguments: [false, true], [ApplicationProtocol.http2, .http, .auto])
        func requestsAndAnswersPassWhole(_ isLocal: Bool, _ speaks: ApplicationProtocol) async throws {
            let callee = try HTTP2Callee { .answer(201, fields: "x-a: 1\r\n", body: $0.body + Array("!".utf8), trailers: "x-sum: 7") }
            let mesh = try await mesh([callee.address], isLocal: isLocal, speaks: speaks)
            let caller = try caller(mesh)
            let body = (0..<300_000).map { UInt8(truncatingIfNeeded: $0) }
            let answer = try #require(caller.ask("POST /path?q=1", "x-b: 2\r\n", body: body, trailers: "x-end: yes"))
            #expect(answer.head.hasPrefix("HTTP/1.1 201") && answer.field("x-a") == ["1"])
            #expect(answer.body == body + Array("!".utf8) && answer.trailers.contains("x-sum: 7"))
            let request = try #require(callee.requests.first)
            #expect(request.line == "POST /path?q=1 HTTP/1.1" && request.field("x-b") == ["2"] && request.body == body)
            #expect(request.field("host") == ["callee"] && request.trailers.contains("x-end: yes"))
            #expect(request.field("x-request-id").count == 1 && request.field("traceparent").count == 1)
            #expect(request.field("x-myelin-deadline").count == 1)
            let record = try #require(mesh.source.nextFlow { $0.request.isPresent })
            #expect(record.request.version == 2 && record.request.status == 201 && record.path == (isLocal ? .local : .tunnel))
        }

        @Test(arguments: [false, true]) func streamsOfOneConnectionAreSpreadOverInstances(_ isLocal: Bool) async throws {
            let callees = try (0..<3).map { number in try HTTP2Callee { _ in .answer(200, fields: "x-instance: \(number)\r\n") } }
            let mesh = try await mesh(callees.map(\.address), isLocal: isLocal)
            let caller = try caller(mesh)
            for _ in 0..<30 { #expect(caller.ask("GET /")?.head.hasPrefix("HTTP/1.1 200") == true) }
            #expect(callees.allSatisfy { $0.requests.count == 10 }, "\(callees.map { $0.requests.count })")
            #expect(callees.allSatisfy { $0.connectionCount == 1 })
        }

        @Test func manyStreamsAtOnceShareAConnection() async throws {
            let callee = try HTTP2Callee { .answer(200, body: $0.body) }
            let mesh = try await mesh([callee.address])
            let caller = try caller(mesh)
            let tokens = (0..<100).compactMap { caller.request("PUT /\($0)", body: Array("\($0)".utf8)) }
            #expect(tokens.count == 100)
            for (number, token) in tokens.enumerated() { #expect(caller.answer(token)?.body == Array("\(number)".utf8)) }
            #expect(callee.connectionCount == 1)
        }

        /// A slow stream does not stop the others.
        @Test(arguments: [false, true]) func whoDoesNotReadHoldsNobodyElseUp(_ isLocal: Bool) async throws {
            let large = [UInt8](repeating: 7, count: 8 << 20)
            let callee = try HTTP2Callee { $0.line.contains("/large") ? .answer(200, body: large) : .answer(200, body: [1]) }
            let mesh = try await mesh([callee.address], isLocal: isLocal)
            let slow = try caller(mesh)
            slow.withholdsCredit = true
            let token = try #require(slow.request("GET /large"))
            for _ in 0..<4 { slow.turn() }
            let quick = try caller(mesh)
            for _ in 0..<10 { #expect(quick.ask("GET /small")?.body == [1]) }
            #expect(slow.streams[token]?.hasEnded == false)
        }

        // MARK: Retries

        @Test func whatTheEndpointRefusedGoesElsewhere() async throws {
            let refusing = try HTTP2Callee { _ in .reset(.refusedStream) }
            let good = try HTTP2Callee { _ in .answer(200) }
            let mesh = try await mesh([refusing.address, good.address]) { $0.retries = ServicePolicy.Retries(attempts: 0) }
            let caller = try caller(mesh)
            // Even a POST that must not be repeated: nothing was done.
            for _ in 0..<6 { #expect(caller.ask("POST /", body: [1])?.head.hasPrefix("HTTP/1.1 200") == true) }
            #expect(good.requests.count == 6)
        }

        @Test func whatAGoAwayLeftOutGoesElsewhere() async throws {
            let going = try HTTP2Callee { _ in .goAway }
            let good = try HTTP2Callee { _ in .answer(200) }
            let mesh = try await mesh([going.address, good.address]) { $0.retries = ServicePolicy.Retries(attempts: 0) }
            let caller = try caller(mesh)
            for _ in 0..<6 { #expect(caller.ask("POST /", body: [1])?.head.hasPrefix("HTTP/1.1 200") == true) }
        }

        @Test(arguments: [HTTP2Callee.Reply.goAway, .reset(.refusedStream)])
        func whatTheOnlyEndpointLeftOutGoesThereAgain(_ refusal: HTTP2Callee.Reply) async throws {
            let calls = Atomic(0)
            let callee = try HTTP2Callee { _ in calls.add(1, ordering: .relaxed).oldValue == 0 ? refusal : .answer(200) }
            let mesh = try await mesh([callee.address]) { $0.retries = ServicePolicy.Retries(attempts: 0) }
            let caller = try caller(mesh)
            let answer = try #require(caller.ask("POST /", body: [1]))
            #expect(answer.head.hasPrefix("HTTP/1.1 200"), "\(answer.head)")
        }

        enum Fault: CaseIterable { case closed, reset, silence, unavailable }

        private func reply(_ fault: Fault) -> HTTP2Callee.Reply {
            switch fault {
            case .closed: .closed
            case .reset: .reset(.internalError)
            case .silence: .silence
            case .unavailable: .answer(503)
            }
        }

        @Test(arguments: Fault.allCases, [false, true])
        func aPaymentIsSentOnceUnderEveryFault(_ fault: Fault, _ isLocal: Bool) async throws {
            let failing = try (0..<2).map { _ in try HTTP2Callee { _ in reply(fault) } }
            let mesh = try await mesh(failing.map(\.address), isLocal: isLocal) {
                $0.retries = ServicePolicy.Retries(attempts: 0)
                $0.timeouts.request = .milliseconds(400)
            }
            let caller = try caller(mesh)
            for number in 0..<3 {
                let answer = try #require(caller.ask("POST /pay", "x-id: \(number)\r\n", body: [1, 2, 3]))
                #expect(answer.head.hasPrefix("HTTP/1.1 50"))
            }
            let ids = failing.flatMap(\.requests).flatMap { $0.field("x-id") }
            #expect(ids.sorted() == ["0", "1", "2"], "\(ids)")
        }

        @Test(arguments: Fault.allCases) func whatIsIdempotentIsAskedAgainWithItsBody(_ fault: Fault) async throws {
            let failing = try HTTP2Callee { _ in reply(fault) }
            let good = try HTTP2Callee { .answer(200, body: $0.body) }
            let mesh = try await mesh([failing.address, good.address]) { $0.timeouts.attempt = .milliseconds(200) }
            let caller = try caller(mesh)
            let body = (0..<50_000).map { UInt8(truncatingIfNeeded: $0) }
            for _ in 0..<4 {
                let answer = try #require(caller.ask("PUT /", body: body))
                #expect(answer.head.hasPrefix("HTTP/1.1 200") && answer.body == body)
            }
        }

        // MARK: The mesh's own answers

        @Test func aDeadlineThatPassesIsAnswered() async throws {
            let callee = try HTTP2Callee { _ in .silence }
            let mesh = try await mesh([callee.address]) { $0.timeouts.request = .milliseconds(150) }
            let caller = try caller(mesh)
            let answer = try #require(caller.ask("GET /"))
            #expect(answer.head.hasPrefix("HTTP/1.1 504") && answer.field("x-myelin-reason") == ["deadline_exceeded"])
            #expect(String(decoding: answer.body, as: UTF8.self).contains("deadline_exceeded"))
        }

        @Test func callersOfGRPCGetAStatusOfGRPC() async throws {
            let callee = try HTTP2Callee { _ in .silence }
            let mesh = try await mesh([callee.address], speaks: .grpc) {
                $0.rateLimit = ServicePolicy.RateLimit(requests: 1, period: .seconds(60))
            }
            let caller = try caller(mesh)
            let fields = "content-type: application/grpc\r\nte: trailers\r\ngrpc-timeout: 100m\r\n"
            let late = try #require(caller.ask("POST /s/m", fields, body: [0, 0, 0, 0, 0]))
            #expect(late.head.hasPrefix("HTTP/1.1 200") && late.field("grpc-status") == ["4"], "\(late)")
            let limited = try #require(caller.ask("POST /s/m", fields, body: [0, 0, 0, 0, 0]))
            #expect(limited.field("grpc-status") == ["8"] && limited.field("x-myelin-reason") == ["rate_limited"])
        }

        @Test func aRefusedRequestDoesNotWaitForItsBody() async throws {
            let callee = try HTTP2Callee { _ in .answer(200) }
            let policy = TwoNodes.allowing(denied: ["payout/claim"]) { _ in }
            let mesh = try await TwoNodes(endpoints: [callee.address], policy: policy, speaks: .http2, isLocal: true)
            let caller = try caller(mesh)
            let token = try #require(caller.request("POST /internal/v1/callee/payout/claim", body: [1], ends: false))
            let answer = try #require(caller.answer(token))
            #expect(answer.head.hasPrefix("HTTP/1.1 403"))
            #expect(caller.ask("GET /")?.head.hasPrefix("HTTP/1.1 200") == true)
            #expect(callee.requests.count == 1)
        }

        @Test func gRPCsTrailersOpenTheBreaker() async throws {
            let callee = try HTTP2Callee { _ in
                .answer(200, fields: "content-type: application/grpc\r\n", body: [0, 0, 0, 0, 0], trailers: "grpc-status: 14")
            }
            let mesh = try await mesh([callee.address], speaks: .grpc) { $0.circuitBreaker = .high }
            let caller = try caller(mesh)
            var statuses: Set<String> = []
            for _ in 0..<40 {
                let answer = try #require(caller.ask("POST /s/m", "content-type: application/grpc\r\n", body: [0, 0, 0, 0, 0]))
                statuses.formUnion(answer.field("x-myelin-reason"))
            }
            #expect(statuses == ["circuit_open"])
            #expect(callee.requests.count < 40)
        }

        // MARK: What the policy says besides

        @Test(arguments: [false, true]) func fieldsAreChangedOnStreamsToo(_ isLocal: Bool) async throws {
            let callee = try HTTP2Callee { _ in .answer(200, fields: "server: s\r\nx-b: 1\r\n") }
            let mesh = try await mesh([callee.address], isLocal: isLocal) {
                $0.changes.request = HeaderChanges(set: [("x-a", "new")], remove: ["x-c"])
                $0.changes.response = HeaderChanges(set: [("x-b", "3")], remove: ["server"])
            }
            let answer = try #require(try caller(mesh).ask("GET /", "x-a: old\r\nx-c: gone\r\nx-e: kept\r\n"))
            #expect(answer.field("x-b") == ["3"] && answer.field("server") == [])
            let request = try #require(callee.requests.first)
            #expect(request.field("x-a") == ["new"] && request.field("x-c") == [] && request.field("x-e") == ["kept"])
        }

        @Test func aStreamOnWhichNothingMovesIsEnded() async throws {
            let listener = try TestListener()
            let mesh = try await mesh([listener.address], isLocal: true) {
                $0.timeouts.request = .seconds(10)
                $0.timeouts.idle = .milliseconds(300)
            }
            let caller = try caller(mesh)
            let token = try #require(caller.request("GET /long"))
            let callee = HTTP2End(try listener.accept(), .server)
            callee.turns { !callee.requests.isEmpty }
            let call = try #require(callee.requests.first)
            callee.respond(call, "200 ", body: [1], ends: false)
            caller.turns { caller.streams[token]?.body == [1] }
            let start = ContinuousClock.now
            #expect(caller.answer(token)?.reset == .cancel)
            #expect(ContinuousClock.now - start < .seconds(3))
            callee.turns { callee.streams[call]?.reset != nil }
            #expect(callee.streams[call]?.reset == .cancel, "the endpoint learns it")
            #expect(mesh.source.nextFlow { $0.reason == .idleTimeout && $0.ending == .reset } != nil)
        }

        // MARK: Endings

        @Test(arguments: [false, true]) func aCallerThatGivesUpCancelsItsRequest(_ isLocal: Bool) async throws {
            let callee = try HTTP2Callee { $0.line.contains("/slow") ? .silence : .answer(200) }
            let mesh = try await mesh([callee.address], isLocal: isLocal)
            let caller = try caller(mesh)
            let token = try #require(caller.request("GET /slow"))
            #expect(caller.ask("GET /quick") != nil)
            caller.session.reset(caller.streams[token]!.id!, .cancel)
            caller.flush()
            let record = mesh.source.nextFlow { $0.request.isPresent && $0.ending == .reset }
            #expect(record?.reason == .reset)
            #expect(caller.ask("GET /quick")?.head.hasPrefix("HTTP/1.1 200") == true, "the connection goes on")
        }

        @Test(arguments: [false, true]) func aCallerThatLeavesTakesItsRequestsWithIt(_ isLocal: Bool) async throws {
            let callee = try HTTP2Callee { _ in .silence }
            let mesh = try await mesh([callee.address], isLocal: isLocal)
            let socket = try mesh.dial()
            let caller = HTTP2End(socket, .client)
            for _ in 0..<3 { _ = caller.request("GET /") }
            caller.turn()
            while callee.requests.count < 3 { usleep(1000) }
            socket.close()
            var resets = 0
            for _ in 0..<2000 where resets < 3 {
                for ring in mesh.source.rings { ring.drain { if $0.request.isPresent, $0.ending == .reset { resets += 1 } } }
                usleep(1000)
            }
            #expect(resets == 3)
        }

        @Test func aBodyIsAnsweredBeforeItHasEnded() async throws {
            let listener = try TestListener()
            let mesh = try await mesh([listener.address], isLocal: true)
            let caller = try caller(mesh)
            let token = try #require(caller.request("POST /stream", body: [1], ends: false))
            let callee = HTTP2End(try listener.accept(), .server)
            callee.turns { callee.requests.first.flatMap { callee.streams[$0]?.body } == [1] }
            let call = try #require(callee.requests.first)
            callee.respond(call, "200 ", body: [10], ends: false)
            caller.turns { caller.streams[token]?.body == [10] }
            caller.send(token, [2], ends: true)
            callee.turns { callee.streams[call]?.hasEnded == true }
            #expect(callee.streams[call]?.body == [1, 2])
            callee.send(call, [11], ends: true)
            #expect(caller.answer(token)?.body == [10, 11])
        }

        @Test func interimAnswersPass() async throws {
            let listener = try TestListener()
            let mesh = try await mesh([listener.address], isLocal: true)
            let caller = try caller(mesh)
            let token = try #require(caller.request("GET /hints"))
            let callee = HTTP2End(try listener.accept(), .server)
            callee.turns { !callee.requests.isEmpty }
            let call = try #require(callee.requests.first)
            Array("HTTP/1.1 103 \r\nlink: </a>\r\n\r\n".utf8).withUnsafeBytes { callee.session.inform(callee.streams[call]!.id!, $0) }
            callee.respond(call, "200 ")
            let answer = try #require(caller.answer(token))
            #expect(answer.interim.count == 1 && answer.interim[0].contains("link: </a>"))
        }

        @Test func aDrainingNodeIsNotHeldByConnectionsWithoutRequests() async throws {
            let callee = try HTTP2Callee { _ in .answer(200) }
            let mesh = try await mesh([callee.address])
            let caller = try caller(mesh)
            #expect(caller.ask("GET /") != nil)
            #expect(await mesh.destination.timeToDrain() < .milliseconds(500))
        }

        @Test func aDrainingNodeTellsItsCallers() async throws {
            let callee = try HTTP2Callee { _ in .answer(200) }
            let mesh = try await mesh([callee.address], isLocal: true)
            let caller = try caller(mesh)
            #expect(caller.ask("GET /") != nil)
            mesh.source.dataPlane.drain()
            caller.turns { caller.wasToldToGo }
            #expect(caller.wasToldToGo)
        }
    }
}
