import Foundation
import Glibc
import MeshDataPlane
import MeshPolicy
import MeshTypes
import Synchronization
import Testing

extension DataPlaneTests {
    /// Deadlines, retries and limits of requests (R5), counted at the callee.
    @Suite struct HTTPResilienceTests {
        private func mesh(
            _ callees: [SocketAddress], isLocal: Bool = false, _ change: (inout ServicePolicy) -> Void = { _ in }
        ) async throws -> TwoNodes {
            try await TwoNodes(endpoints: callees, policy: TwoNodes.allowing(change), speaks: .http, isLocal: isLocal)
        }

        @Test(arguments: [false, true])
        func anotherEndpointAnswersWhenOneRefuses(_ isLocal: Bool) async throws {
            let closed = try TestListener().address
            let callee = try HTTPCallee { _ in .ok("yes") }
            let mesh = try await mesh([closed, callee.address], isLocal: isLocal) { $0.retries = ServicePolicy.Retries(attempts: 0) }
            let caller = try HTTPCaller(mesh)
            // Nothing was sent to the one that refuses, so even a POST that must not be repeated goes elsewhere.
            for _ in 0..<8 { #expect(caller.ask("POST /", body: "pay")?.status == 200) }
        }

        @Test func noEndpointAtAllIsABadGateway() async throws {
            let mesh = try await mesh([try TestListener().address])
            let caller = try HTTPCaller(mesh)
            let answer = try #require(caller.ask("GET /"))
            #expect(answer.status == 502 && answer.field("x-myelin-reason") == "endpoint_refused")
            #expect(answer.body.contains(#""reason":"endpoint_refused""#))
            #expect(caller.ask("GET /")?.status == 502, "the connection goes on")
        }

        enum Fault: CaseIterable { case closed, reset, silence, badAnswer, unavailable, halfAnswer }

        private func reply(_ fault: Fault) -> HTTPCallee.Reply {
            switch fault {
            case .closed: .closed
            case .reset: .reset
            case .silence: .silence
            case .badAnswer: .raw("HTTP/1.1 99 What\r\n\r\n")
            case .unavailable: .status(503)
            case .halfAnswer: .rawThenClose("HTTP/1.1 200 OK\r\ncontent-le")
            }
        }

        /// A payment is never sent twice, whatever happens to it on the way.
        @Test(arguments: Fault.allCases, [false, true])
        func aPaymentIsSentOnceUnderEveryFault(_ fault: Fault, _ isLocal: Bool) async throws {
            let failing = try HTTPCallee { _ in reply(fault) }
            let other = try HTTPCallee { _ in reply(fault) }
            let mesh = try await mesh([failing.address, other.address], isLocal: isLocal) {
                $0.retries = ServicePolicy.Retries(attempts: 0)
                $0.timeouts.request = .milliseconds(400)
            }
            for _ in 0..<3 {
                let caller = try HTTPCaller(mesh)
                let answer = try #require(caller.ask("POST /internal/v1/wallet/payout/claim", body: "pay"))
                #expect([502, 503, 504].contains(answer.status))
            }
            usleep(150_000)
            #expect(failing.requests.count + other.requests.count == 3)
        }

        @Test(arguments: [Fault.closed, .reset, .badAnswer, .unavailable, .halfAnswer], [false, true])
        func anIdempotentRequestIsRepeatedElsewhere(_ fault: Fault, _ isLocal: Bool) async throws {
            let reply = failingOnce(fault)
            let (one, two) = (try HTTPCallee(reply), try HTTPCallee(reply))
            let mesh = try await mesh([one.address, two.address], isLocal: isLocal)
            let caller = try HTTPCaller(mesh)
            let answer = try #require(caller.ask("PUT /", body: "state"))
            #expect(answer.status == 200 && answer.body == "yes")
            #expect(one.requests.count == 1 && two.requests.count == 1, "another endpoint first")
            #expect((one.requests + two.requests).allSatisfy { $0.body == Array("state".utf8) })
            #expect(mesh.source.nextFlow()?.request.attempts == 2)
        }

        @Test(arguments: [Fault.closed, .reset, .badAnswer, .unavailable, .halfAnswer], [false, true])
        func anIdempotentRequestIsRepeatedThereIfThereIsNowhereElse(_ fault: Fault, _ isLocal: Bool) async throws {
            let callee = try HTTPCallee(failingOnce(fault))
            let mesh = try await mesh([callee.address], isLocal: isLocal)
            let caller = try HTTPCaller(mesh)
            #expect(caller.ask("GET /")?.status == 200)
            #expect(callee.requests.count == 2)
        }

        @Test func theOnlyEndpointIsNotAskedForEver() async throws {
            let callee = try HTTPCallee { _ in .status(503) }
            let mesh = try await mesh([callee.address]) { $0.retries = ServicePolicy.Retries(attempts: 3) }
            let caller = try HTTPCaller(mesh)
            #expect(caller.ask("GET /")?.status == 503)
            #expect(callee.requests.count == 4)
        }

        private func failingOnce(_ fault: Fault) -> @Sendable (HTTPCallee.Request) -> HTTPCallee.Reply {
            let hasFailed = Mutex(false)
            return { _ in
                let failed = hasFailed.withLock { failed in
                    defer { failed = true }
                    return failed
                }
                return failed ? .ok("yes") : self.reply(fault)
            }
        }

        @Test func aPostIsNotRepeatedOnceSent() async throws {
            let callee = try HTTPCallee { _ in .closed }
            let mesh = try await mesh([callee.address])
            let caller = try HTTPCaller(mesh)
            let answer = try #require(caller.ask("POST /", body: "x"))
            #expect(answer.status == 502 && answer.field("x-myelin-reason") == "endpoint_closed")
            #expect(callee.requests.count == 1)
        }

        @Test func retriesAreBounded() async throws {
            let callee = try HTTPCallee { _ in .status(503) }
            let addresses = try (0..<6).map { _ in try HTTPCallee { _ in .status(503) } }
            let mesh = try await mesh([callee.address] + addresses.map(\.address)) { $0.retries = ServicePolicy.Retries(attempts: 3) }
            let caller = try HTTPCaller(mesh)
            #expect(caller.ask("GET /")?.status == 503)
            #expect(callee.requests.count + addresses.map(\.requests.count).reduce(0, +) == 4)
        }

        @Test(arguments: [false, true])
        func theDeadlineHoldsForAllAttemptsTogether(_ isLocal: Bool) async throws {
            let callee = try HTTPCallee { _ in .silence }
            let mesh = try await mesh([callee.address], isLocal: isLocal) { $0.timeouts.request = .milliseconds(300) }
            let caller = try HTTPCaller(mesh)
            let start = ContinuousClock.now
            let answer = try #require(caller.ask("GET /"))
            let took = ContinuousClock.now - start
            #expect(answer.status == 504 && answer.field("x-myelin-reason") == "deadline_exceeded")
            #expect(took >= .milliseconds(300) && took < .milliseconds(900), "\(took)")
            #expect(callee.requests.first?.field("x-myelin-deadline") == ["300"])
            #expect(mesh.source.nextFlow()?.reason == .deadlineExceeded)
        }

        @Test func aShorterDeadlineOfTheCallerCounts() async throws {
            let callee = try HTTPCallee { _ in .silence }
            let mesh = try await mesh([callee.address])
            let caller = try HTTPCaller(mesh)
            let start = ContinuousClock.now
            #expect(caller.ask("GET /", "x-myelin-deadline: 200\r\n")?.status == 504)
            #expect(ContinuousClock.now - start < .milliseconds(1000))
            #expect(callee.requests.first?.field("x-myelin-deadline") == ["200"])
            let other = try HTTPCaller(mesh)
            #expect(other.ask("GET /", "x-myelin-deadline: soon\r\n")?.status == 400)
        }

        @Test func theTimeThatAGRPCCallerGivesCounts() async throws {
            let callee = try HTTPCallee { $0.field("grpc-timeout") == ["150m"] ? .silence : .ok("yes") }
            let mesh = try await mesh([callee.address])
            let type = "content-type: application/grpc\r\n"
            let start = ContinuousClock.now
            #expect(try HTTPCaller(mesh).ask("POST /a.B/C", type + "grpc-timeout: 150000u\r\n")?.status == 504)
            #expect(ContinuousClock.now - start < .milliseconds(1000))
            #expect(try HTTPCaller(mesh).ask("POST /a.B/C", type + "grpc-timeout: 1H\r\n")?.status == 200)
            #expect(try HTTPCaller(mesh).ask("POST /a.B/C", type)?.status == 200)
            #expect(try HTTPCaller(mesh).ask("POST /", "grpc-timeout: 1H\r\n")?.status == 200)
            #expect(callee.requests.map { $0.field("grpc-timeout") } == [["150m"], ["3000m"], ["3000m"], ["1H"]])
            #expect(callee.requests.map { $0.field("x-myelin-deadline") } == [["150"], ["3000"], ["3000"], ["3000"]])
        }

        @Test func theRequestOverTheRateIsRefusedWithTheTimeToWait() async throws {
            let callee = try HTTPCallee { _ in .ok("yes") }
            let mesh = try await mesh([callee.address], isLocal: true) {
                $0.rateLimit = ServicePolicy.RateLimit(requests: 20, period: .seconds(60))
            }
            let caller = try HTTPCaller(mesh)
            for _ in 0..<20 { #expect(caller.ask("GET /")?.status == 200) }
            let answer = try #require(caller.ask("GET /"))
            #expect(answer.status == 429 && answer.field("x-myelin-reason") == "rate_limited")
            let wait = answer.field("retry-after").flatMap { Int($0) } ?? 0
            #expect((1...3).contains(wait), "one request is due every three seconds")
            #expect(callee.requests.count == 20)
        }

        @Test func whatPolicyForbidsLaterIsRefusedOnTheSameConnection() async throws {
            let callee = try HTTPCallee { _ in .ok("yes") }
            let mesh = try await mesh([callee.address])
            let caller = try HTTPCaller(mesh)
            #expect(caller.ask("GET /")?.status == 200)
            try await mesh.replace(policy: PolicySet([], namespace: "default"))
            let answer = try #require(caller.ask("GET /"))
            #expect(answer.status == 403 && answer.field("x-myelin-reason") == "not_allowed")
        }

        @Test(arguments: [false, true])
        func requestsOfOneConnectionSpreadOverEndpoints(_ isLocal: Bool) async throws {
            let callees = try (0..<3).map { _ in try HTTPCallee { _ in .ok("yes") } }
            let mesh = try await mesh(callees.map(\.address), isLocal: isLocal)
            let caller = try HTTPCaller(mesh)
            for _ in 0..<30 { #expect(caller.ask("GET /")?.status == 200) }
            #expect(callees.allSatisfy { $0.requests.count == 10 }, "\(callees.map(\.requests.count))")
        }
    }
}
