import Foundation
import Glibc
import MeshAuthority
import MeshIdentity
import MeshSystem
import MeshTypes
import Testing

/// Connections to the authority's port that show no certificate, from the very address from which nodes come.
@Suite(.serialized) struct StrangersTests {
    private func connect(_ address: SocketAddress) -> Int32 {
        let descriptor = TCPSocket.open(isV4: address.ip.isV4)
        _ = TCPSocket.connect(descriptor, to: address)
        return descriptor
    }

    private func hasEnded(_ descriptor: Int32) -> Bool {
        var byte: UInt8 = 0
        return recv(descriptor, &byte, 1, Int32(MSG_DONTWAIT)) == 0 || (errno != EAGAIN && errno != EINTR)
    }

    @Test func silentConnectionsKeepNoNodeOut() async throws {
        let served = try ServedAuthority()
        try await served.start()
        served.book.place("wallet", on: "node-2")
        let start = ContinuousClock.now
        let silent = (0..<2100).map { _ in connect(served.address) }
        defer { for descriptor in silent { close(descriptor) } }
        let node = try served.node("node-2", token: try served.token("node-2"))
        _ = try await node.patientCertificate("wallet")
        let gaveWay = await eventually { silent.count { hasEnded($0) } >= 1800 }
        // Sooner than their time is over.
        #expect(gaveWay && ContinuousClock.now - start < .seconds(9), "an address has 256 of them")
        // The others go when their time is over.
        var ended = 0
        for _ in 0..<200 where ended < silent.count {
            try await Task.sleep(for: .milliseconds(100))
            ended = silent.count { hasEnded($0) }
        }
        #expect(ended == silent.count)
        await served.stop()
    }
}
