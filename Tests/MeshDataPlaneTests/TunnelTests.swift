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

        /// The only endpoint's node tells again and again that its tunnels end: connections that are just being made move to the next one.
        @Test func noConnectionIsLostWithATunnelThatEnds() async throws {
            let callee = try TestListener()
            TestThread.start {
                while let server = try? callee.accept() {
                    if server.read(exactly: 1) == [1] { _ = server.write([2]) }
                    server.finish()
                }
            }
            let mesh = try await TwoNodes(endpoints: [callee.address])
            let stop = ContinuousClock.now + .seconds(3)
            let (made, lost) = await withTaskGroup(of: (Int, Int).self) { group in
                for _ in 0..<4 {
                    group.addTask {
                        await onThread {
                            var (made, lost) = (0, 0)
                            while ContinuousClock.now < stop {
                                guard let client = try? mesh.dial() else { continue }
                                made += 1
                                if client.write([1]) != 0 || client.read(exactly: 1) != [2] { lost += 1 }
                            }
                            return (made, lost)
                        }
                    }
                }
                while ContinuousClock.now < stop {
                    mesh.destination.dataPlane.leave()
                    try? await Task.sleep(for: .milliseconds(5))
                }
                return await group.reduce((0, 0)) { ($0.0 + $1.0, $0.1 + $1.1) }
            }
            #expect(made > 100 && lost == 0, "\(lost) of \(made)")
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
