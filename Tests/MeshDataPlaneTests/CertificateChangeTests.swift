import Glibc
import MeshDataPlane
import MeshTypes
import Testing

extension DataPlaneTests {
    /// Certificates that are renewed, and certificates that are taken back, under connections that are open (R1.3).
    @Suite struct CertificateChangeTests {
        private func exchange(_ client: TestSocket, _ server: TestSocket, _ byte: UInt8) -> Bool {
            client.write([byte]) == 0 && server.read(exactly: 1) == [byte] && server.write([byte, byte]) == 0
                && client.read(exactly: 2) == [byte, byte]
        }

        @Test func renewalDropsNoStreamAndNewOnesShowTheNewCertificate() async throws {
            let callee = try TestListener()
            var options = DataPlaneOptions()
            options.workers = 1
            let mesh = try await TwoNodes(endpoints: [callee.address], sourceOptions: options)
            let old = try mesh.dial()
            let oldServer = try callee.accept()
            #expect(exchange(old, oldServer, 1))
            try await mesh.renew()
            let fresh = try mesh.dial()
            let freshServer = try callee.accept()
            #expect(exchange(fresh, freshServer, 2))
            #expect(exchange(old, oldServer, 3), "the stream of the old tunnel goes on")
            var opened: UInt64 = 0
            for _ in 0..<100 where opened < 2 {
                usleep(50_000)
                opened = mesh.source.dataPlane.counters().reduce(0) { $0 + $1.tunnelsOpened }
            }
            #expect(opened == 2)
        }

        /// What is under way in a tunnel ends with the first certificate of its two ends, and not before.
        ///
        /// As an argument the time keeps the optimiser of Swift 6.3 from a mistake upon which it crashes.
        @Test(arguments: [Duration.seconds(8)]) @_optimize(none) func aTunnelEndsWithItsCertificates(_ left: Duration) async throws {
            let callee = try TestListener()
            let mesh = try await TwoNodes(endpoints: [callee.address], left: left)
            try watchTheEnd(of: mesh, callee)
        }

        private func watchTheEnd(of mesh: TwoNodes, _ callee: TestListener) throws {
            let begun = ContinuousClock.now
            let client = try mesh.dial()
            let server = try callee.accept()
            #expect(exchange(client, server, 1))
            usleep(4_000_000)
            #expect(exchange(client, server, 2))
            #expect(client.read() == .failed(ECONNRESET))
            #expect(server.read() == .failed(ECONNRESET))
            #expect(ContinuousClock.now - begun < .milliseconds(10_500))
            for node in [mesh.source, mesh.destination] {
                #expect(node.nextFlow { $0.ending == .reset }?.reason == .certificateExpired)
            }
            usleep(400_000)  // Counters are published a few times a second.
            #expect(mesh.destination.dataPlane.counters().reduce(0) { $0 + $1.tunnelsExpired } == 1)
            let late = try mesh.dial()
            #expect(late.read() == .failed(ECONNRESET))
        }

        /// Certificates of eight seconds, renewed every four: a caller that never pauses loses nothing, though its connection outlives them.
        @Test(arguments: [Duration.seconds(8)]) @_optimize(none) func requestsOutliveCertificates(_ left: Duration) async throws {
            let callee = try HTTPCallee { _ in .ok("yes") }
            let mesh = try await TwoNodes(endpoints: [callee.address], speaks: .http, left: left)
            let socket = try mesh.dial()
            let end = ContinuousClock.now + .seconds(17)
            let (asked, failed) = await withTaskGroup(of: (Int, Int).self) { group in
                group.addTask {
                    await onThread {
                        let caller = HTTPCaller(socket)
                        var (asked, failed) = (0, 0)
                        while ContinuousClock.now < end {
                            asked += 1
                            if caller.ask("POST /", body: "x")?.status != 200 { failed += 1 }
                            usleep(2000)
                        }
                        return (asked, failed)
                    }
                }
                while ContinuousClock.now < end {
                    try? await Task.sleep(for: .seconds(4))
                    try? await mesh.renew()
                }
                return await group.reduce((0, 0)) { ($0.0 + $1.0, $0.1 + $1.1) }
            }
            #expect(asked > 500 && failed == 0, "\(failed) of \(asked)")
        }

        @Test func aRetiredAuthorityEndsTheTunnelsOfItsPeers() async throws {
            let callee = try TestListener()
            let mesh = try await TwoNodes(endpoints: [callee.address])
            let client = try mesh.dial()
            let server = try callee.accept()
            #expect(exchange(client, server, 1))
            try await mesh.replaceAuthority()
            #expect(client.read() == .failed(ECONNRESET))
            #expect(server.read() == .failed(ECONNRESET))
            let again = try mesh.dial()
            #expect(exchange(again, try callee.accept(), 2))
        }

        @Test(arguments: [true, false]) func revocationEndsWhatIsOpenAndRefusesWhatComes(isCaller: Bool) async throws {
            let callee = try TestListener()
            let mesh = try await TwoNodes(endpoints: [callee.address])
            let client = try mesh.dial()
            let server = try callee.accept()
            #expect(exchange(client, server, 1))
            try await mesh.revoke(isCaller ? TwoNodes.caller : TwoNodes.callee)
            #expect(client.read() == .failed(ECONNRESET))
            #expect(server.read() == .failed(ECONNRESET))
            let again = try mesh.dial()
            #expect(again.read() == .failed(ECONNRESET))
            let refusing = isCaller ? mesh.destination : mesh.source
            #expect(refusing.nextFlow { $0.ending == .refused && $0.reason == .certificateRevoked } != nil)
        }
    }
}
