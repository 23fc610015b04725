import AsyncHTTPClient
import Foundation
import MeshAdmin
import MeshTypes
import Synchronization
import Testing

struct MetricsServerTests {
    private func withServer(_ source: FakeAdmin, _ body: (UInt16) async throws -> Void) async throws {
        let server = MetricsServer(address: SocketAddress("127.0.0.1:0")!, source: source, log: quiet)
        let found = FoundPort()
        try await serving({ signal in
            try await server.run { number in
                found.port.withLock { $0 = number }
                signal()
            }
        }) { try await body(found.port.withLock(\.self)) }
    }

    private func ask(_ port: UInt16, _ path: String) async throws -> (status: UInt, type: String, body: String) {
        let request = HTTPClientRequest(url: "http://127.0.0.1:\(port)\(path)")
        let response = try await HTTPClient.shared.execute(request, timeout: .seconds(10))
        let body = String(buffer: try await response.body.collect(upTo: 1 << 20))
        return (response.status.code, response.headers.first(name: "content-type") ?? "", body)
    }

    @Test func servesMetricsAsPrometheusReadsThem() async throws {
        try await withServer(FakeAdmin()) { port in
            let answer = try await ask(port, "/metrics")
            #expect(answer.status == 200)
            #expect(answer.type.hasPrefix("text/plain; version=0.0.4"))
            #expect(answer.body == "myelin_up 1\n")
        }
    }

    @Test(arguments: [(true, 200), (false, 503)] as [(Bool, UInt)])
    func probesTellReadyFromAlive(ready: Bool, status: UInt) async throws {
        try await withServer(FakeAdmin(ready: ready)) { port in
            let (readiness, life) = (try await ask(port, "/readyz"), try await ask(port, "/healthz"))
            #expect(readiness.status == status)
            #expect(life.status == 200)
        }
    }

    @Test func showsNothingElse() async throws {
        try await withServer(FakeAdmin()) { port in
            let answer = try await ask(port, "/v1/status")
            #expect(answer.status == 404)
        }
    }

    @Test func saysThatThePortIsTaken() async throws {
        try await withServer(FakeAdmin()) { port in
            let second = MetricsServer(address: SocketAddress("127.0.0.1:\(port)")!, source: FakeAdmin(), log: quiet)
            let failure = await #expect(throws: AdminFailure.self) { try await second.run() }
            #expect(failure?.description.contains("127.0.0.1:\(port)") == true)
        }
    }
}

/// The port that the system chose.
private final class FoundPort: Sendable {
    let port = Mutex<UInt16>(0)
}
