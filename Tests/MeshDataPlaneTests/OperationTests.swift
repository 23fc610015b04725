import Foundation
import Glibc
import MeshDataPlane
import MeshPolicy
import MeshTypes
import Testing

extension DataPlaneTests {
    /// Policy on single operations (R6.2), at the caller's node and again at the callee's (R6.4).
    @Suite struct OperationTests {
        private let claim = "/internal/v1/callee/payout/claim"

        @Test(arguments: [false, true])
        func aDeniedOperationIsAnsweredByTheMesh(_ isLocal: Bool) async throws {
            let callee = try HTTPCallee { _ in .ok("yes") }
            let mesh = try await TwoNodes(
                endpoints: [callee.address], policy: TwoNodes.allowing(denied: ["payout/claim"]) { _ in }, speaks: .http, isLocal: isLocal)
            let caller = try HTTPCaller(mesh)
            #expect(caller.ask("GET /internal/v1/callee/balance")?.status == 200)
            let answer = try #require(caller.ask("GET \(claim)"))
            #expect(answer.status == 403 && answer.field("x-myelin-reason") == "denied")
            #expect(caller.ask("GET /")?.status == 200, "the connection goes on")
            #expect(callee.requests.count == 2)
        }

        /// Two nodes that do not agree: the caller's knows of no restriction.
        private func disagreeing(_ callee: HTTPCallee, _ destination: PolicySet) async throws -> TwoNodes {
            try await disagreeing(callee.address, destination)
        }

        private func disagreeing(_ callee: SocketAddress, _ destination: PolicySet) async throws -> TwoNodes {
            try await TwoNodes(endpoints: [callee], speaks: .http, destinationPolicy: destination)
        }

        @Test func theCalleesNodeTrustsNothingThatTheCallersClaims() async throws {
            let callee = try HTTPCallee { _ in .ok("yes") }
            let mesh = try await disagreeing(callee, TwoNodes.allowing(denied: ["payout/claim"]) { _ in })
            let caller = try HTTPCaller(mesh)
            let body = String(repeating: "b", count: 300_000)
            #expect(caller.ask("POST /internal/v1/callee/balance", body: body)?.status == 200)
            let other = try HTTPCaller(mesh)
            #expect(other.ask("POST \(claim)", body: "x")?.status == 403)
            #expect(try #require(mesh.destination.nextFlow { $0.ending == .refused }).reason == .denied)
            #expect(!callee.requests.contains { $0.line.contains("claim") })
            #expect(callee.requests.first?.body.count == 300_000)
        }

        @Test func onlyTheAllowedOperationsPassTheGate() async throws {
            let callee = try HTTPCallee { _ in .ok("yes") }
            let mesh = try await disagreeing(callee, TwoNodes.allowing(operations: ["balance"]) { _ in })
            let caller = try HTTPCaller(mesh)
            for _ in 0..<5 { #expect(caller.ask("GET /internal/v1/callee/balance?x")?.status == 200) }
            #expect(caller.ask("GET /internal/v1/callee/balances")?.status == 403)
            #expect(try #require(mesh.destination.nextFlow { $0.ending == .refused }).reason == .notAllowed)
        }

        @Test func requestsOfHTTP2PassTheGateOneByOne() async throws {
            let callee = try HTTP2Callee { .answer(200, body: $0.body, trailers: "grpc-status: 0") }
            let mesh = try await disagreeing(callee.address, TwoNodes.allowing(denied: ["payout/claim"]) { _ in })
            let caller = HTTP2End(try mesh.dial(), .client)
            let body = [UInt8](repeating: 7, count: 300_000)
            for number in 0..<20 {
                let answer = caller.ask(
                    "POST /internal/v1/callee/balance?\(number)", "x-a: \(number)\r\n", body: body, trailers: "x-sum: 1")
                #expect(answer?.body == body && answer?.trailers.contains("grpc-status: 0") == true)
            }
            #expect(callee.requests.allSatisfy { $0.body == body && $0.trailers.contains("x-sum: 1") } && callee.requests.count == 20)
            #expect(callee.connectionCount == 1)
            let refused = try #require(caller.ask("POST \(claim)", body: [1]))
            #expect(refused.head.hasPrefix("HTTP/1.1 403") || refused.reset != nil)
            #expect(try #require(mesh.destination.nextFlow { $0.ending == .refused }).reason == .denied)
            #expect(!callee.requests.contains { $0.line.contains("claim") })
            #expect(caller.ask("GET /internal/v1/callee/balance")?.head.hasPrefix("HTTP/1.1 200") == true, "over another connection")
        }

        @Test func aRestrictedCallerCannotChangeProtocols() async throws {
            let callee = try HTTPCallee { _ in .ok("yes") }
            let upgrade = "connection: upgrade\r\nupgrade: websocket\r\n"
            let mesh = try await TwoNodes(
                endpoints: [callee.address], policy: TwoNodes.allowing(denied: ["x"]) { _ in }, speaks: .http)
            #expect(try HTTPCaller(mesh).ask("GET /", upgrade)?.status == 200)
            #expect(callee.requests.first?.field("upgrade") == [])
            let lax = try await disagreeing(callee, TwoNodes.allowing(denied: ["x"]) { _ in })
            #expect(try HTTPCaller(lax).ask("GET /", upgrade)?.status == 403)
            #expect(callee.requests.count == 1)
        }

        @Test func whatCannotBeToldApartIsRefused() async throws {
            let callee = try HTTPCallee { _ in .ok("yes") }
            for policy in [TwoNodes.allowing(operations: ["balance"]) { _ in }, TwoNodes.allowing(denied: ["x"]) { _ in }] {
                let mesh = try await TwoNodes(endpoints: [callee.address], policy: policy)
                #expect(try HTTPCaller(mesh).ask("GET /internal/v1/callee/balance") == nil)
            }
            #expect(callee.requests.isEmpty)
        }
    }
}
