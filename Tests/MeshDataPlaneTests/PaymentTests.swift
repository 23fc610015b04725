import Glibc
import MeshDataPlane
import MeshPolicy
import Testing

extension DataPlaneTests {
    /// A payment must never be sent twice (the platform's rule for wallet), whatever its callee does and wherever that runs; counted at
    /// the callees by the payment's identifier.
    @Suite struct PaymentTests {
        /// Times are short; retries are what they are without a word in the policy, or forbidden.
        private func policy(retries: Bool) -> PolicySet {
            TwoNodes.allowing {
                if !retries { $0.retries = ServicePolicy.Retries(attempts: 0) }
                $0.timeouts.request = .milliseconds(600)
                $0.timeouts.attempt = .milliseconds(150)
            }
        }

        @Test(arguments: PaymentCallee.Fault.allCases, [(false, true), (false, false), (true, true), (true, false)])
        func isSentOnceUnderEachFault(_ fault: PaymentCallee.Fault, _ where: (isLocal: Bool, retries: Bool)) async throws {
            let callees = try (0..<2).map { _ in try PaymentCallee(fault) }
            let mesh = try await TwoNodes(
                endpoints: callees.map(\.address), policy: policy(retries: `where`.retries), speaks: .http, isLocal: `where`.isLocal)
            var number = 0
            // One that fits into a segment, and one that is still on its way when the callee fails.
            for bodyBytes in [3, 200_000] {
                for _ in 0..<2 {
                    number += 1
                    let caller = try HTTPCaller(mesh)
                    let body = String(repeating: "p", count: bodyBytes)
                    // Refused, or the connection broke while the body was still being sent.
                    let answer = caller.ask("POST /internal/v1/wallet/payout/claim", "x-payment-id: \(number)\r\n", body: body)
                    #expect(answer.map { [502, 503, 504].contains($0.status) } ?? true, "\(String(describing: answer))")
                }
            }
            usleep(100_000)
            let seen = callees.flatMap(\.seen)
            #expect(Set(seen).count == seen.count, "\(fault): \(seen)")
            // What was not read may have been sent all the same.
            #expect(callees.reduce(0) { $0 + $1.connectionCount } <= number, "\(fault): one connection each")
            #expect(fault == .closesUnread || !seen.isEmpty)
        }

        @Test(arguments: [false, true])
        func isSentOnceWhenTheTunnelDiesInTheMidst(_ retries: Bool) async throws {
            let callees = try (0..<2).map { _ in try PaymentCallee(.silent) }
            let way = try TestWay()
            let mesh = try await TwoNodes(
                endpoints: callees.map(\.address), policy: policy(retries: retries), speaks: .http, wayIn: way.address)
            way.open(to: mesh.destination.tunnel)
            let caller = try HTTPCaller(mesh)
            caller.send("POST / HTTP/1.1\r\nhost: callee\r\nx-payment-id: 1\r\ncontent-length: 3\r\n\r\npay")
            for _ in 0..<2000 where callees.allSatisfy(\.seen.isEmpty) { usleep(1000) }
            #expect(callees.flatMap(\.seen) == ["1"])
            way.cut()
            let answer = try #require(caller.answer())
            #expect(answer.status == 502 || answer.status == 504)
            usleep(100_000)
            #expect(callees.flatMap(\.seen) == ["1"])
        }
    }
}
