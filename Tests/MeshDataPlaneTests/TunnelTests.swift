import Glibc
import MeshDataPlane
import MeshPolicy
import MeshSystem
import MeshTypes
import Testing

extension DataPlaneTests {
    @Suite struct TunnelTests {
        @Test func carriesBytesBothWays() async throws {
            let callee = try TestListener()
            let mesh = try await TwoNodes(endpoints: [callee.address])
            let client = try mesh.dial()
            let server = try callee.accept()
            #expect(client.write(Array("ping".utf8)) == 0)
            #expect(server.read(exactly: 4) == Array("ping".utf8))
            #expect(server.write(Array("pong!".utf8)) == 0)
            #expect(client.read(exactly: 5) == Array("pong!".utf8))
            client.finish()
            #expect(server.read() == .end)
            #expect(server.write(Array("after".utf8)) == 0)
            server.close()
            #expect(client.readAll().bytes == Array("after".utf8))
            client.close()
            let flow = try #require(mesh.source.nextFlow())
            #expect(flow.sent == 4 && flow.received == 10)
            #expect(flow.ending == .closed && flow.path == .tunnel && flow.identityVerified)
            let arrived = try #require(mesh.destination.nextFlow())
            #expect(arrived.reporter == .destination && arrived.source == ServiceID(rawValue: 1) && arrived.identityVerified)
        }

        @Test func refusesWhatPolicyDoesNotAllow() async throws {
            let callee = try TestListener()
            let mesh = try await TwoNodes(endpoints: [callee.address], policy: PolicySet([], namespace: "default"))
            let client = try mesh.dial()
            #expect(client.read() == .failed(ECONNRESET))
            let flow = try #require(mesh.source.nextFlow())
            #expect(flow.ending == .refused && flow.reason == .notAllowed)
        }

        @Test func triesAnotherEndpointWhenOneRefuses() async throws {
            let closed = try TestListener().address
            let callee = try TestListener()
            let mesh = try await TwoNodes(endpoints: [closed, callee.address])
            for _ in 0..<8 {
                let client = try mesh.dial()
                let server = try callee.accept()
                #expect(server.write([1]) == 0)
                #expect(client.read(exactly: 1) == [1])
            }
        }

        @Test func resetsTheCallerWhenNoEndpointAnswers() async throws {
            let closed = try TestListener().address
            let mesh = try await TwoNodes(endpoints: [closed])
            let client = try mesh.dial()
            #expect(client.read() == .failed(ECONNRESET))
            let flow = try #require(mesh.source.nextFlow())
            #expect(flow.reason == .endpointRefused)
        }
    }
}
