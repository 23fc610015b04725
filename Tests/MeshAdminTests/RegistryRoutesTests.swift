import AsyncHTTPClient
import Foundation
import MeshAdmin
import NIOCore
import NIOHTTP1
import Testing

struct RegistryRoutesTests {
    private func ask(
        _ socket: String, _ method: HTTPMethod, _ path: String, body: String? = nil
    ) async throws -> (status: UInt, text: String) {
        let url = try #require(URL(httpURLWithSocketPath: socket, uri: path))
        var request = HTTPClientRequest(url: url.absoluteString)
        request.method = method
        if let body { request.body = .bytes(ByteBuffer(string: body)) }
        let response = try await HTTPClient.shared.execute(request, timeout: .seconds(10))
        return (response.status.code, String(buffer: try await response.body.collect(upTo: 1 << 20)))
    }

    @Test func viewsArriveAsTheyWereSent() async throws {
        let fake = FakeAdmin()
        try await withStatusServer(fake) { socket in
            let client = StatusClient(socket: socket)
            let (registry, instances) = (try await client.registry(), try await client.instances())
            #expect(await registry == fake.registry())
            #expect(await instances == fake.instances())
        }
    }

    /// The tests' own user is the server's, and therefore may.
    @Test func changesArriveAsTheyWereSent() async throws {
        let fake = FakeAdmin()
        var registration = RegistrationView(service: "wallet", port: 8081)
        registration.ttl = "30s"
        registration.protocol = "http"
        let changes: [AdminChange] = [
            .register(id: "wallet@1:a", registration), .heartbeat(id: "w"), .drain(id: "w", true), .drain(id: "w", false),
            .deregister(id: "w"),
            .accept(source: "etcd/west"), .drainNode(true), .drainNode(false),
        ]
        try await withStatusServer(fake) { socket in
            let client = StatusClient(socket: socket)
            for change in changes {
                let done = try await client.change(change)
                #expect(done == "done")
            }
        }
        #expect(fake.changes.withLock { $0 } == changes)
    }

    @Test(arguments: [
        ("DELETE", "/v1/registry/instances/gone", "", UInt(404)), ("PUT", "/v1/registry/instances/bad", #"{"service":"a","port":1}"#, 400),
        ("PUT", "/v1/registry/instances/taken", #"{"service":"a","port":1}"#, 409), ("PUT", "/v1/registry/instances/x", "{}", 400),
        ("PUT", "/v1/registry/instances/x", #"{"service":"a","port":70000}"#, 400), ("PUT", "/v1/registry/accept", "", 400),
        ("PUT", "/v1/registry/instances/x", #"{"service":""# + String(repeating: "a", count: 20_000) + #"","port":1}"#, 400),
    ])
    func refusalsHaveTheirStatusAndAReason(method: String, path: String, body: String, status: UInt) async throws {
        try await withStatusServer { socket in
            let answer = try await ask(socket, HTTPMethod(rawValue: method), path, body: body.isEmpty ? nil : body)
            #expect(answer.status == status && answer.text.contains("\"remedy\""), "\(answer)")
        }
    }
}
