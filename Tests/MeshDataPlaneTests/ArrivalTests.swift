import Glibc
import MeshDataPlane
import MeshTypes
import Testing

extension DataPlaneTests {
    /// Strangers at the tunnels' port, from the very address from which honest peers come.
    @Suite struct ArrivalTests {
        private func options(_ change: (inout DataPlaneOptions) -> Void = { _ in }) -> DataPlaneOptions {
            var options = DataPlaneOptions()
            options.workers = 1
            options.tunnels.arrivals = .init(total: 16, perSource: 8)
            change(&options)
            return options
        }

        private func echo(_ mesh: TwoNodes, _ callee: TestListener) throws -> Bool {
            let client = try mesh.dial()
            let server = try callee.accept()
            guard server.write([1]) == 0 else { return false }
            return client.read(exactly: 1) == [1]
        }

        private func counters(_ node: TestNode, until condition: (WorkerCounters) -> Bool) -> WorkerCounters {
            for _ in 0..<500 {
                if condition(node.dataPlane.counters()[0]) { break }
                usleep(10_000)
            }
            return node.dataPlane.counters()[0]
        }

        @Test func silentConnectionsKeepNobodyOut() async throws {
            let callee = try TestListener()
            let mesh = try await TwoNodes(endpoints: [callee.address], sourceOptions: options(), destinationOptions: options())
            let silent = try (0..<200).map { _ in try TestSocket(connectingTo: mesh.destination.tunnel) }
            #expect(try echo(mesh, callee))
            let counters = counters(mesh.destination) { $0.handshakesDisplaced >= 192 }
            #expect(counters.handshakesDisplaced >= 192 && counters.arrivals <= 8, "\(counters)")
            #expect(silent[0].read() == .failed(ECONNRESET), "it learns that it gave way")
            var (written, counted) = (0, 0)
            for ring in mesh.destination.rings {
                ring.drain { flow in
                    guard flow.reason == .handshakeLimit, flow.repeats == 0 else { return }
                    if flow.isUnwritten { counted += 1 } else { written += 1 }
                }
            }
            #expect(written == HandshakeJournal.perAddress && counted >= 180, "\(written) lines, \(counted) more")
        }

        /// Silent ones go before those that have begun to speak.
        @Test func whoSpeaksIsNotDisplacedByWhoDoesNot() async throws {
            let callee = try TestListener()
            let mesh = try await TwoNodes(
                endpoints: [callee.address], sourceOptions: options(), destinationOptions: options { $0.arrivalTimeout = .seconds(10) })
            let speaking = try TestSocket(connectingTo: mesh.destination.tunnel)
            // The head of a TLS record whose body does not come.
            #expect(speaking.write([22, 3, 1, 2, 0]) == 0)
            usleep(100_000)
            let silent = try (0..<100).map { _ in try TestSocket(connectingTo: mesh.destination.tunnel) }
            _ = counters(mesh.destination) { $0.handshakesDisplaced >= 93 }
            #expect(silent[0].read() == .failed(ECONNRESET))
            var timeout = timeval(tv_sec: 0, tv_usec: 200_000)
            setsockopt(speaking.raw, SOL_SOCKET, SO_RCVTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
            #expect(speaking.read() == .failed(EAGAIN), "it is still there")
        }

        @Test func aConnectionWithoutACertificateEndsInTime() async throws {
            let callee = try TestListener()
            let mesh = try await TwoNodes(
                endpoints: [callee.address], sourceOptions: options(),
                destinationOptions: options { $0.arrivalTimeout = .milliseconds(500) })
            let silent = try TestSocket(connectingTo: mesh.destination.tunnel)
            let dribbling = try TestSocket(connectingTo: mesh.destination.tunnel)
            let start = ContinuousClock.now
            TestThread.start {
                for byte in [22, 3, 1, 2, 0] as [UInt8] {
                    guard dribbling.write([byte]) == 0 else { return }
                    usleep(200_000)
                }
            }
            #expect(silent.read() == .failed(ECONNRESET))
            #expect(dribbling.read() == .failed(ECONNRESET))
            #expect(ContinuousClock.now - start < .seconds(3))
            #expect(counters(mesh.destination) { $0.handshakesTimedOut == 2 }.handshakesTimedOut == 2)
            #expect(mesh.destination.nextFlow { $0.reason == .handshakeLimit } != nil)
            #expect(try echo(mesh, callee))
        }

        @Test func aPeerWithItsShareOfTunnelsIsRefusedFurtherOnes() async throws {
            let callee = try TestListener()
            let mesh = try await TwoNodes(
                endpoints: [callee.address],
                sourceOptions: options {
                    $0.workers = 2
                    $0.maximumAttempts = 1
                }, destinationOptions: options { $0.tunnels.perAddress = 1 })
            // Each worker of the first node opens a tunnel of its own: the second one is one too many.
            let clients = try (0..<40).map { _ in try mesh.dial() }
            #expect(mesh.destination.nextFlow { $0.reason == .handshakeLimit } != nil)
            #expect(counters(mesh.destination) { $0.peerTunnelsRefused > 0 }.peerTunnelsRefused > 0)
            #expect(mesh.destination.dataPlane.counters()[0].tunnels == 1)
            withExtendedLifetime(clients) {}
        }
    }
}
