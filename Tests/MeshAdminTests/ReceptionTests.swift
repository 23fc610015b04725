import AsyncHTTPClient
import Foundation
import Glibc
import MeshAdmin
import MeshSystem
import MeshTypes
import Synchronization
import Testing

/// A user of the machine who opens many connections keeps nobody out, and loses those that say nothing.
@Suite(.serialized) struct ReceptionTests {
    /// Before those that say nothing are closed for that.
    private static let soon = Duration.seconds(8)

    private func connect(unix path: String) -> Int32 {
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let joined = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        precondition(joined == 0, "errno \(errno)")
        return descriptor
    }

    private func hasEnded(_ descriptor: Int32) -> Bool {
        var byte: UInt8 = 0
        return recv(descriptor, &byte, 1, Int32(MSG_DONTWAIT)) == 0 || (errno != EAGAIN && errno != EINTR)
    }

    @Test func manySilentConnectionsToTheStatusSocketKeepNobodyOut() async throws {
        try await withStatusServer { path in
            let start = ContinuousClock.now
            let silent = (0..<200).map { _ in connect(unix: path) }
            defer { for descriptor in silent { close(descriptor) } }
            _ = try await StatusClient(socket: path).status()
            #expect(await eventually { silent.count { hasEnded($0) } >= 160 }, "one user has 32 connections")
            #expect(ContinuousClock.now - start < Self.soon)
            _ = try await StatusClient(socket: path).status()
        }
    }

    @Test func manySilentConnectionsToTheMetricsPortKeepNobodyOut() async throws {
        let server = MetricsServer(address: SocketAddress("127.0.0.1:0")!, source: FakeAdmin(), log: quiet)
        let port = Mutex<UInt16>(0)
        try await serving({ signal in
            try await server.run { number in
                port.withLock { $0 = number }
                signal()
            }
        }) {
            let address = SocketAddress(ip: .v4Loopback, port: port.withLock(\.self))
            let start = ContinuousClock.now
            let silent = (0..<600).map { _ in
                let descriptor = TCPSocket.open(isV4: true)
                _ = TCPSocket.connect(descriptor, to: address)
                return descriptor
            }
            defer { for descriptor in silent { close(descriptor) } }
            let request = HTTPClientRequest(url: "http://\(address)/healthz")
            let answer = try await HTTPClient.shared.execute(request, timeout: .seconds(5))
            #expect(answer.status == .ok)
            #expect(await eventually { silent.count { hasEnded($0) } >= 300 })
            #expect(ContinuousClock.now - start < Self.soon)
        }
    }
}
