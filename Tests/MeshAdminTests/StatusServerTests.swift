import AsyncHTTPClient
import Foundation
import Glibc
import MeshAdmin
import MeshTelemetry
import Testing

struct StatusServerTests {
    /// A view's JSON is what scripts depend on: two views are equal if that is.
    private func text(_ value: some Encodable) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        return String(decoding: try encoder.encode(value), as: UTF8.self)
    }

    private func expectEqual(_ got: some Encodable, _ sent: some Encodable, _ location: SourceLocation = #_sourceLocation) throws {
        let (got, sent) = (try text(got), try text(sent))
        #expect(got == sent, sourceLocation: location)
    }

    private func ask(_ socket: String, _ path: String) async throws -> (status: UInt, body: Data) {
        let url = try #require(URL(httpURLWithSocketPath: socket, uri: path))
        let response = try await HTTPClient.shared.execute(HTTPClientRequest(url: url.absoluteString), timeout: .seconds(10))
        return (response.status.code, Data(buffer: try await response.body.collect(upTo: 1 << 20)))
    }

    @Test func everyViewArrivesAsItWasSent() async throws {
        let fake = FakeAdmin()
        try await withStatusServer(fake) { socket in
            let client = StatusClient(socket: socket)
            try expectEqual(try await client.status(), await fake.status())
            try expectEqual(try await client.workloads(), await fake.workloads())
            try expectEqual(try await client.services(), await fake.services())
            try expectEqual(try await client.endpoints(), await fake.endpoints())
            try expectEqual(try await client.certificates(), await fake.certificates())
            try expectEqual(try await client.policies(), await fake.policies())
            try expectEqual(try await client.connections(), await fake.connections())
            try expectEqual(try await client.checks(), await fake.checks())
            try expectEqual(try await client.names(), await fake.names())
            try expectEqual(try await client.configuration(), await fake.configuration())
            let both = [FakeAdmin.flow(denied: false), FakeAdmin.flow(denied: true)]
            try expectEqual(try await client.flows(deniedOnly: false, limit: 10), both)
            try expectEqual(try await client.flows(deniedOnly: true, limit: 10), [both[1]])
            try expectEqual(try await client.flows(deniedOnly: false, limit: 1), [both[1]])
        }
    }

    @Test func statusHasTheKeysThatScriptsRead() async throws {
        try await withStatusServer { socket in
            let answer = try await ask(socket, "/v1/status")
            let keys = try #require(try JSONSerialization.jsonObject(with: answer.body) as? [String: Any]).keys.sorted()
            #expect(
                keys == [
                    "adopted_generations", "flows", "generation", "node", "pid", "problems", "region", "services", "state",
                    "took_over",
                    "trust_domain", "tunnel", "tunnels", "uptime_seconds", "version", "workloads", "workloads_waiting", "zone",
                ])
        }
    }

    @Test func namesTravelUnharmedInAQuestion() async throws {
        try await withStatusServer { socket in
            let view = try await StatusClient(socket: socket).explain(source: "default/wallet & co?=ä", destination: "usage")
            #expect(view.source == "default/wallet & co?=ä")
            #expect(view.permitted)
        }
    }

    @Test(
        arguments: [
            ("/v1/explain?source=wallet", 400), ("/v1/explain?source=wallet&destination=nobody", 404), ("/v1/flows?limit=-1", 400),
            ("/v1/flows?limit=4097", 400), ("/v1/flows?limit=many", 400), ("/v1/nothing", 404), ("/", 404),
        ] as [(String, UInt)])
    func refusesWithARemedy(path: String, status: UInt) async throws {
        try await withStatusServer { socket in
            let answer = try await ask(socket, path)
            #expect(answer.status == status)
            let complaint = try JSONDecoder().decode(AdminComplaint.self, from: answer.body)
            #expect(!complaint.error.isEmpty && !complaint.remedy.isEmpty)
        }
    }

    @Test func clientSaysWhatTheDaemonRefuses() async throws {
        try await withStatusServer { socket in
            let failure = await #expect(throws: StatusClientFailure.self) {
                try await StatusClient(socket: socket).explain(source: "wallet", destination: "nobody")
            }
            #expect(failure?.kind == .refused)
            #expect(failure?.description.contains("myelinctl services") == true)
        }
    }

    @Test func clientSaysThatNobodyAnswers() async throws {
        let failure = await #expect(throws: StatusClientFailure.self) { try await StatusClient(socket: "/tmp/myelin-none").status() }
        #expect(failure?.kind == .unreachable)
    }

    @Test func followerSeesFlowsUntilTheDaemonEnds() async throws {
        let fake = FakeAdmin()
        let (seen, signal) = AsyncStream.makeStream(of: FlowEntry.self)
        var follower: Task<Void, Never>?
        try await withStatusServer(fake) { socket in
            follower = Task {
                try? await StatusClient(socket: socket).followFlows(deniedOnly: false) { signal.yield($0) }
                signal.finish()
            }
            #expect(await eventually { fake.followerCount == 1 })
            fake.send(FakeAdmin.flow(denied: false))
            fake.send(FakeAdmin.flow(denied: true))
            var flows = seen.makeAsyncIterator()
            #expect(await flows.next() == FakeAdmin.flow(denied: false))
            #expect(await flows.next() == FakeAdmin.flow(denied: true))
        }
        await follower?.value
        #expect(fake.followerCount == 0)
    }

    @Test func followEndsInOrderWhenItsFlowsDo() async throws {
        let fake = FakeAdmin()
        try await withStatusServer(fake) { socket in
            async let count = {
                var count = 0
                try await StatusClient(socket: socket).followFlows(deniedOnly: false) { _ in count += 1 }
                return count
            }()
            #expect(await eventually { fake.followerCount == 1 })
            for _ in 0..<5 { fake.send(FakeAdmin.flow(denied: false)) }
            fake.endFollowers()
            let seen = try await count
            #expect(seen == 5)
        }
    }

    @Test func followIsLetGoOfWhenItsReaderLeavesThoughNoFlowEnds() async throws {
        let fake = FakeAdmin()
        try await withStatusServer(fake) { socket in
            let reader = PlainSocket(connected: socket)
            let request = "GET /v1/flows?follow=1 HTTP/1.1\r\nHost: localhost\r\n\r\n"
            #expect(send(reader.descriptor, request, request.utf8.count, 0) == request.utf8.count)
            #expect(await eventually { fake.followerCount == 1 })
            _ = consume reader
            #expect(await eventually { fake.followerCount == 0 })
        }
    }

    @Test func endingDoesNotWaitForAFollower() async throws {
        let fake = FakeAdmin()
        let clock = ContinuousClock()
        var began = clock.now
        try await withStatusServer(fake) { socket in
            let reader = PlainSocket(connected: socket)
            let request = "GET /v1/flows?follow=1 HTTP/1.1\r\nHost: localhost\r\n\r\n"
            #expect(send(reader.descriptor, request, request.utf8.count, 0) == request.utf8.count)
            #expect(await eventually { fake.followerCount == 1 })
            began = clock.now
        }
        // A follower that keeps still would hold the server up for a minute; other tests, which share the threads, for some seconds.
        #expect(clock.now - began < .seconds(30))
    }
}
