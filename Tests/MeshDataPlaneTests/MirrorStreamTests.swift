import Glibc
import MeshDataPlane
import MeshPolicy
import MeshTypes
import Testing

extension DataPlaneTests {
    /// Copies of requests (R4.4) on streams of HTTP/2, and of gRPC's calls.
    @Suite struct MirrorStreamTests {
        private func mesh(
            _ callee: HTTP2Callee, _ trial: HTTP2Callee, isLocal: Bool, destination: PolicySet? = nil,
            _ change: (inout Mirror) -> Void = { _ in }
        ) async throws -> TwoNodes {
            try await TwoNodes(
                endpoints: [callee.address], policy: MirroredNodes.policy { $0.mirror = MirroredNodes.mirror(change) }, speaks: .grpc,
                isLocal: isLocal, destinationPolicy: destination, trials: [trial.address])
        }

        @Test(arguments: [false, true]) func streamsAreCopiedWithBodiesAndTrailers(_ isLocal: Bool) async throws {
            let callee = try HTTP2Callee { .answer(200, body: $0.body, trailers: "grpc-status: 0") }
            let trial = try HTTP2Callee { _ in .answer(200, body: [9], trailers: "grpc-status: 12") }
            let mesh = try await mesh(callee, trial, isLocal: isLocal) { $0.timeout = .milliseconds(800) }
            let caller = HTTP2End(try mesh.dial(), .client)
            let body = (0..<60_000).map { UInt8(truncatingIfNeeded: $0) }
            let fields = "content-type: application/grpc\r\nte: trailers\r\ngrpc-timeout: 2S\r\nx-myelin-shadow: 1\r\nx-a: 1\r\n"
            let answer = try #require(caller.ask("POST /s/m", fields, body: body, trailers: "x-end: yes"))
            #expect(answer.body == body && answer.trailers.contains("grpc-status: 0"))
            let record = try #require(mesh.mirrored(1).first)
            #expect(record.request.mirror == .sent && record.request.status == 200 && record.request.grpcStatus == 12)
            #expect(record.request.isGRPC && record.request.version == 2)
            let (original, copy) = (try #require(callee.requests.first), try #require(trial.requests.first))
            #expect(original.field("x-myelin-shadow") == [] && original.field("grpc-timeout").first?.hasPrefix("2") == true)
            #expect(copy.line == "POST /s/m HTTP/1.1" && copy.body == body && copy.trailers.contains("x-end: yes"))
            #expect(copy.field("x-myelin-shadow") == ["1"] && copy.field("x-a") == ["1"] && copy.field("te") == ["trailers"])
            #expect(copy.field("x-myelin-deadline") == ["800"] && copy.field("grpc-timeout").first?.hasPrefix("800") == true)
            #expect(copy.field("x-request-id") == original.field("x-request-id"))
        }

        @Test(arguments: [false, true]) func copiesHaveConnectionsOfTheirOwn(_ isLocal: Bool) async throws {
            let callee = try HTTP2Callee { .answer(200, fields: "x-connection: \($0.connection)\r\n") }
            let policy = MirroredNodes.policy { $0.mirror = MirroredNodes.mirror(version: "v1") }
            let mesh = try await TwoNodes(
                endpoints: [callee.address], policy: policy, speaks: .http2, isLocal: isLocal, versions: ["v1"])
            let caller = HTTP2End(try mesh.dial(), .client)
            // Not more than may be under way at one moment, however slow the machine is.
            for _ in 0..<16 { #expect(caller.ask("GET /")?.field("x-connection") == ["0"]) }
            #expect(mesh.mirrored(16).mirrorResults == [.sent: 16])
            let connections = Set(callee.requests.map { "\($0.field("x-myelin-shadow")) \($0.connection)" })
            #expect(connections == ["[] 0", "[\"1\"] 1"])
        }

        @Test(arguments: [false, true]) func aLongAnswerIsBrokenOffAndTheConnectionGoesOn(_ isLocal: Bool) async throws {
            let callee = try HTTP2Callee { _ in .answer(200) }
            let long = [UInt8](repeating: 7, count: 4 << 20)
            let trial = try HTTP2Callee {
                $0.line.contains("long") ? .answer(200, body: long) : .answer(200, body: [UInt8](repeating: 1, count: 200_000))
            }
            let mesh = try await mesh(callee, trial, isLocal: isLocal)
            let caller = HTTP2End(try mesh.dial(), .client)
            for path in ["/long", "/short", "/long", "/short", "/short", "/short", "/short", "/short", "/short"] {
                #expect(caller.ask("GET \(path)")?.head.hasPrefix("HTTP/1.1 200") == true)
                let record = try #require(mesh.mirrored(1).first)
                #expect(record.request.mirror == .sent && record.received < 2 << 20, "\(path): \(record.reason)")
            }
            #expect(trial.connectionCount == 1)
        }

        @Test func bodiesAreCopiedUpToWhatIsKept() async throws {
            let (callee, trial) = (try HTTP2Callee { .answer(200, body: $0.body) }, try HTTP2Callee { _ in .answer(200) })
            let mesh = try await mesh(callee, trial, isLocal: true)
            let caller = HTTP2End(try mesh.dial(), .client)
            let body = [UInt8](repeating: 1, count: 100_000)
            #expect(caller.ask("POST /", body: body)?.body == body)
            #expect(mesh.mirrored(1).mirrorResults == [.bodyTooLarge: 1] && trial.requests.isEmpty)
        }

        @Test(arguments: [HTTP2Callee.Reply.closed, .reset(.internalError), .reset(.refusedStream), .goAway, .silence])
        func whateverTheMirrorDoesCallersAreAnswered(_ reply: HTTP2Callee.Reply) async throws {
            let (callee, trial) = (try HTTP2Callee { .answer(200, body: $0.body) }, try HTTP2Callee { _ in reply })
            let mesh = try await mesh(callee, trial, isLocal: true) { $0.timeout = .milliseconds(200) }
            let caller = HTTP2End(try mesh.dial(), .client)
            let start = ContinuousClock.now
            for number in 0..<10 { #expect(caller.ask("PUT /", body: [UInt8(number)])?.body == [UInt8(number)]) }
            #expect(ContinuousClock.now - start < .seconds(1))
            let results = mesh.mirrored(10).mirrorResults
            #expect(results[.failed, default: 0] + results[.timeout, default: 0] == 10, "\(results)")
            let load = try #require(mesh.source.dataPlane.load(of: MirroredNodes.trialID))
            #expect(load.service == .closed && load.endpoints.allSatisfy { $0.state == .closed && $0.outstanding == 0 })
        }

        /// The mirror's node ends a connection that carries what it does not permit: it must be one that only copies use.
        @Test func aCopyThatTheMirrorsNodeRefusesEndsNobodysConnection() async throws {
            let (callee, trial) = (try HTTP2Callee { _ in .answer(200) }, try HTTP2Callee { _ in .answer(200) })
            let strict = MirroredNodes.policy(denied: ["payout"]) { _ in }
            let mesh = try await mesh(callee, trial, isLocal: false, destination: strict)
            let caller = HTTP2End(try mesh.dial(), .client)
            for path in ["/internal/v1/trial/payout", "/internal/v1/trial/balance"] {
                for _ in 0..<3 { #expect(caller.ask("GET \(path)")?.head.hasPrefix("HTTP/1.1 200") == true) }
            }
            let results = mesh.mirrored(6).mirrorResults
            #expect(results[.failed, default: 0] >= 3)
            #expect(trial.requests.allSatisfy { $0.line.contains("balance") } && callee.connectionCount == 1)
        }

        @Test func aNodeThatStopsForgetsItsCopies() async throws {
            let (callee, trial) = (try HTTP2Callee { _ in .answer(200) }, try HTTP2Callee { _ in .silence })
            let mesh = try await mesh(callee, trial, isLocal: true) { $0.timeout = .seconds(60) }
            let caller = HTTP2End(try mesh.dial(), .client)
            for _ in 0..<5 { #expect(caller.ask("GET /")?.head.hasPrefix("HTTP/1.1 200") == true) }
            #expect(await mesh.source.dataPlane.connections().count == 0, "a copy is nobody's connection")
            mesh.source.dataPlane.stop()
            #expect(mesh.mirrored(5).mirrorResults == [.failed: 5])
        }
    }
}
