internal import AsyncHTTPClient
internal import Foundation
internal import Glibc
package import MeshTelemetry
internal import NIOCore
internal import NIOHTTP1

/// Asks a daemon over its status socket.
package struct StatusClient: Sendable {
    private static let timeout = TimeAmount.seconds(10)
    private static let maximumAnswer = 256 << 20
    /// Bytes of one flow.
    private static let longestLine = 1 << 20
    private static let otherVersion = "the daemon is of another version than this program"

    private let socket: String
    /// Lives as long as the process. A socket that nobody listens on is an answer, not a reason to try again until the deadline.
    private static let client: HTTPClient = {
        var configuration = HTTPClient.Configuration()
        configuration.connectionPool.retryConnectionEstablishment = false
        return HTTPClient(configuration: configuration)
    }()

    package init(socket: String) { self.socket = socket }

    package func status() async throws(StatusClientFailure) -> StatusView { try await get("/v1/status") }
    package func workloads() async throws(StatusClientFailure) -> [WorkloadView] { try await get("/v1/workloads") }
    package func services() async throws(StatusClientFailure) -> [ServiceView] { try await get("/v1/services") }
    package func endpoints() async throws(StatusClientFailure) -> [EndpointView] { try await get("/v1/endpoints") }
    package func certificates() async throws(StatusClientFailure) -> [CertificateView] { try await get("/v1/certificates") }
    package func policies() async throws(StatusClientFailure) -> [PolicyView] { try await get("/v1/policies") }
    package func connections() async throws(StatusClientFailure) -> [ConnectionView] { try await get("/v1/connections") }
    package func checks() async throws(StatusClientFailure) -> [CheckView] { try await get("/v1/check") }
    package func names() async throws(StatusClientFailure) -> NamesView { try await get("/v1/dns") }
    package func configuration() async throws(StatusClientFailure) -> ConfigView { try await get("/v1/config") }

    package func registry() async throws(StatusClientFailure) -> RegistryView { try await get("/v1/registry") }
    package func instances() async throws(StatusClientFailure) -> [InstanceView] { try await get("/v1/registry/instances") }

    /// - Returns: what was done, in a sentence.
    package func change(_ change: AdminChange) async throws(StatusClientFailure) -> String {
        func instance(_ id: String, _ rest: String = "") -> String { "/v1/registry/instances/\(Self.escape(id))\(rest)" }
        let view: ChangeView
        switch change {
        case .register(let id, let registration):
            guard let body = try? AdminJSON.encoder().encode(registration) else {
                throw StatusClientFailure(.refused, "cannot be written as JSON")
            }
            view = try await get(instance(id), method: .PUT, body: body)
        case .heartbeat(let id): view = try await get(instance(id, "/heartbeat"), method: .PUT)
        case .drain(let id, let isDraining): view = try await get(instance(id, "/drain"), method: isDraining ? .PUT : .DELETE)
        case .deregister(let id): view = try await get(instance(id), method: .DELETE)
        case .accept(let source): view = try await get("/v1/registry/accept?source=\(Self.escape(source))", method: .PUT)
        case .drainNode(let isDraining): view = try await get("/v1/drain", method: isDraining ? .PUT : .DELETE)
        }
        return view.done
    }

    package func flows(deniedOnly: Bool, limit: Int) async throws(StatusClientFailure) -> [FlowEntry] {
        try await get("/v1/flows?limit=\(limit)&denied=\(deniedOnly ? 1 : 0)")
    }

    /// - Parameter operation: or a whole path; nil for the connection alone.
    package func explain(
        source: String, destination: String, operation: String? = nil
    ) async throws(StatusClientFailure) -> ExplainView {
        let narrowed = operation.map { "&operation=\(Self.escape($0))" } ?? ""
        return try await get("/v1/explain?source=\(Self.escape(source))&destination=\(Self.escape(destination))\(narrowed)")
    }

    /// Runs `body` on every flow from now on, until the daemon ends the stream or the task is cancelled.
    package func followFlows(deniedOnly: Bool, _ body: (FlowEntry) -> Void) async throws(StatusClientFailure) {
        let response = try await open("/v1/flows?follow=1&denied=\(deniedOnly ? 1 : 0)", deadline: .distantFuture)
        guard response.status == .ok else { throw StatusClientFailure(.refused, "the daemon answered \(response.status)") }
        do {
            let decoder = AdminJSON.decoder()
            var pending = Data()
            for try await chunk in response.body {
                pending.append(contentsOf: chunk.readableBytesView)
                while let end = pending.firstIndex(of: UInt8(ascii: "\n")) {
                    body(try decoder.decode(FlowEntry.self, from: pending[..<end]))
                    pending.removeSubrange(...end)
                }
                guard pending.count <= Self.longestLine else { throw StatusClientFailure(.unreachable, "a line is too long") }
            }
        } catch is DecodingError {
            throw StatusClientFailure(.unreachable, Self.otherVersion)
        } catch { throw StatusClientFailure(.unreachable, "the stream from the daemon broke off: \(error)") }
    }

    private func get<View: Decodable>(
        _ path: String, method: HTTPMethod = .GET, body: Data? = nil
    ) async throws(StatusClientFailure) -> View {
        let response = try await open(path, method: method, body: body, deadline: .now() + Self.timeout)
        let data: Data
        do {
            data = Data(buffer: try await response.body.collect(upTo: Self.maximumAnswer))
        } catch { throw StatusClientFailure(.unreachable, "the daemon's answer broke off: \(error)") }
        guard response.status == .ok else {
            let complaint = try? AdminJSON.decoder().decode(AdminComplaint.self, from: data)
            throw StatusClientFailure(.refused, complaint.map { "\($0.error); \($0.remedy)" } ?? "the daemon answered \(response.status)")
        }
        do {
            return try AdminJSON.decoder().decode(View.self, from: data)
        } catch { throw StatusClientFailure(.unreachable, "\(Self.otherVersion): \(error)") }
    }

    private func open(
        _ path: String, method: HTTPMethod = .GET, body: Data? = nil, deadline: NIODeadline
    ) async throws(StatusClientFailure) -> HTTPClientResponse {
        guard let url = URL(httpURLWithSocketPath: socket, uri: path) else {
            throw StatusClientFailure(.unreachable, "\(socket) is no path of a socket")
        }
        do {
            var request = HTTPClientRequest(url: url.absoluteString)
            request.method = method
            if let body { request.body = .bytes(body) }
            // One question, one connection: a daemon that stops need not wait for idle ones.
            request.headers.add(name: "connection", value: "close")
            return try await Self.client.execute(request, deadline: deadline)
        } catch {
            throw StatusClientFailure(.unreachable, Self.whyUnreachable(socket))
        }
    }

    private static func whyUnreachable(_ socket: String) -> String {
        if access(socket, R_OK | W_OK) != 0, errno == EACCES {
            return "you may not open \(socket); run as root, or as a member of the socket's group"
        }
        return "no daemon answers on \(socket); see `systemctl status myelind`, or name its socket with --socket"
    }

    private static func escape(_ text: String) -> String {
        text.addingPercentEncoding(withAllowedCharacters: .alphanumerics.union(CharacterSet(charactersIn: "-._/"))) ?? ""
    }
}

/// Why there is no answer.
package struct StatusClientFailure: Error, Sendable, CustomStringConvertible {
    package enum Kind: Sendable {
        /// Nobody answers, or not as expected.
        case unreachable
        /// The daemon says no.
        case refused
    }

    package let kind: Kind
    package let description: String

    init(_ kind: Kind, _ description: String) {
        self.kind = kind
        self.description = description
    }
}
