internal import Foundation
internal import HTTPTypes
internal import Hummingbird

/// The registry on the status socket: what it says, and the changes that permitted users may make.
struct RegistryRoutes: Sendable {
    /// Bytes of a registration.
    private static let longestBody = 16 * 1024

    let source: any AdminSource
    let gate: AdminGate

    func add(to router: Router<PeerRequest>) {
        let instance: RouterPath = "/v1/registry/instances/:id"
        router.get("/v1/registry") { _, _ in try AdminJSON.respond(await source.registry()) }
        router.get("/v1/registry/instances") { _, _ in try AdminJSON.respond(await source.instances()) }
        router.put(instance) { request, peer in
            try await permitted(peer) { try await register(request, peer) }
        }
        router.put("/v1/registry/instances/:id/heartbeat") { _, peer in try await change(peer, .heartbeat(id: try id(peer))) }
        router.put("/v1/registry/instances/:id/drain") { _, peer in try await change(peer, .drain(id: try id(peer), true)) }
        router.delete("/v1/registry/instances/:id/drain") { _, peer in try await change(peer, .drain(id: try id(peer), false)) }
        router.delete(instance) { _, peer in try await change(peer, .deregister(id: try id(peer))) }
        router.put("/v1/registry/accept") { request, peer in
            guard let name = request.uri.queryParameters["source"] else {
                return try AdminJSON.refuse(.badRequest, "no source is named", "ask /v1/registry/accept?source=etcd")
            }
            return try await change(peer, .accept(source: String(name)))
        }
        router.put("/v1/drain") { _, peer in try await change(peer, .drainNode(true)) }
        router.delete("/v1/drain") { _, peer in try await change(peer, .drainNode(false)) }
    }

    private func id(_ peer: PeerRequest) throws -> String {
        let text = try peer.parameters.require("id")
        return text.removingPercentEncoding ?? text
    }

    private func register(_ request: Request, _ peer: PeerRequest) async throws -> Response {
        var request = request
        guard let body = try? await request.collectBody(upTo: Self.longestBody),
            let registration = try? AdminJSON.decoder().decode(RegistrationView.self, from: Data(buffer: body))
        else {
            return try AdminJSON.refuse(
                .badRequest, "that is no registration", "send JSON of at most 16 KiB with at least service and port; see docs/registry.md")
        }
        return try respond(await source.change(.register(id: try id(peer), registration)))
    }

    private func change(_ peer: PeerRequest, _ change: AdminChange) async throws -> Response {
        try await permitted(peer) { try respond(await source.change(change)) }
    }

    private func permitted(_ peer: PeerRequest, _ body: () async throws -> Response) async throws -> Response {
        if let objection = gate.objection(to: await peer.peer()) { return try AdminJSON.respond(objection, status: .forbidden) }
        return try await body()
    }

    private func respond(_ outcome: AdminOutcome) throws -> Response {
        switch outcome {
        case .done(let done): try AdminJSON.respond(ChangeView(done: done))
        case .refused(.invalid, let complaint): try AdminJSON.respond(complaint, status: .badRequest)
        case .refused(.conflict, let complaint): try AdminJSON.respond(complaint, status: .conflict)
        case .refused(.unknown, let complaint): try AdminJSON.respond(complaint, status: .notFound)
        case .refused(.unavailable, let complaint): try AdminJSON.respond(complaint, status: .serviceUnavailable)
        }
    }
}
