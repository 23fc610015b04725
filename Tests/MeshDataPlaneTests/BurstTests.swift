import Glibc
import MeshBalancing
import MeshDataPlane
import MeshSystem
import MeshTypes
import Testing

extension DataPlaneTests {
    /// Many connections at once, before there is a tunnel for them: they wait in this node, and nobody is to blame.
    @Suite struct BurstTests {
        private static let service = ServiceID(rawValue: 2)

        /// One worker at each end, joined by a way that is shut at first.
        private func mesh(
            _ callee: TestListener, streams: UInt32 = DataPlaneOptions().maximumTunnelStreams
        ) async throws -> (mesh: TwoNodes, way: TestWay) {
            var options = DataPlaneOptions()
            options.workers = 1
            options.maximumTunnelStreams = streams
            let way = try TestWay()
            let mesh = try await TwoNodes(
                endpoints: [callee.address], sourceOptions: options, destinationOptions: options, wayIn: way.address)
            return (mesh, way)
        }

        /// - Returns: `count` connections of callers, all of which wait for the tunnel.
        private func burst(_ count: Int, _ mesh: TwoNodes) async throws -> [TestSocket] {
            let clients = try (0..<count).map { _ in try mesh.dial() }
            while await mesh.source.dataPlane.connections().count < count { usleep(1000) }
            return clients
        }

        private func expectEcho(_ clients: [TestSocket], _ callee: TestListener) throws {
            let servers = try clients.map { _ in try callee.accept() }
            for server in servers { #expect(server.write([7]) == 0) }
            for client in clients { #expect(client.read(exactly: 1) == [7]) }
        }

        /// The library opens a hundred streams at most before the peer has said how many it permits.
        @Test func moreThanAHundredMayWaitForATunnel() async throws {
            let callee = try TestListener()
            let (mesh, way) = try await mesh(callee)
            let clients = try await burst(300, mesh)
            way.open(to: mesh.destination.tunnel)
            try expectEcho(clients, callee)
            #expect(mesh.source.dataPlane.load(of: Self.service)?.service == .closed)
            #expect(mesh.source.dataPlane.load(of: Self.service)?.endpoints.map(\.state) == [.closed])
            #expect(way.count == 1, "all in one tunnel")
        }

        @Test func whatOneTunnelDoesNotTakeGoesThroughOthers() async throws {
            let callee = try TestListener()
            let (mesh, way) = try await mesh(callee, streams: 120)
            let clients = try await burst(300, mesh)
            way.open(to: mesh.destination.tunnel)
            try expectEcho(clients, callee)
            #expect(mesh.source.dataPlane.load(of: Self.service)?.service == .closed)
            #expect(way.count == 3, "120, 120 and 60")
        }

        @Test func aPeerThatTakesNoStreamIsNotDialledForEver() async throws {
            let callee = try TestListener()
            var options = DataPlaneOptions()
            options.workers = 1
            var closed = options
            closed.maximumTunnelStreams = 0
            let way = try TestWay()
            let mesh = try await TwoNodes(
                endpoints: [callee.address], sourceOptions: options, destinationOptions: closed, wayIn: way.address)
            let clients = try await burst(150, mesh)
            way.open(to: mesh.destination.tunnel)
            for client in clients { #expect(client.read() == .failed(ECONNRESET)) }
            #expect(way.count <= 3, "\(way.count) tunnels were dialled")
        }
    }
}
