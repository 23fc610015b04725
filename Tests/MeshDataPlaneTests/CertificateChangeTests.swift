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
