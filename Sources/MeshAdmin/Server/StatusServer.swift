internal import Foundation
internal import Glibc
internal import HTTPTypes
internal import Hummingbird
package import Logging
internal import MeshTelemetry

/// Answers `myelinctl` on a Unix socket. Who may open the socket may see everything; nothing can be changed through it.
package struct StatusServer: Sendable {
    /// Owner and group may connect.
    private static let socketMode: mode_t = 0o660
    /// Entries of one answer.
    private static let maximumFlows = 4096

    private let path: String
    private let source: any AdminSource
    private let log: Logger

    /// - Throws: when another process listens on the socket. A socket file that nobody listens on is replaced.
    package init(path: String, source: any AdminSource, log: Logger) throws(AdminFailure) {
        guard path.utf8.count <= UnixSocket.longestPath else {
            throw AdminFailure("the path of the status socket is longer than \(UnixSocket.longestPath) bytes: \(path)")
        }
        if UnixSocket.answers(path) { throw AdminFailure("another process serves \(path)") }
        unlink(path)
        self.path = path
        self.source = source
        self.log = log
    }

    /// Until cancelled.
    package func run() async throws {
        let path = path
        var quiet = log
        quiet.logLevel = .warning
        let application = Application(
            router: routes(), configuration: ApplicationConfiguration(address: .unixDomainSocket(path: path), serverName: "myelind"),
            onServerRunning: { _ in chmod(path, Self.socketMode) }, logger: quiet)
        defer { unlink(path) }
        try await application.run()
    }

    private func routes() -> Router<BasicRequestContext> {
        let router = Router()
        let source = source
        router.get("/v1/status") { _, _ in try Self.json(await source.status()) }
        router.get("/v1/workloads") { _, _ in try Self.json(await source.workloads()) }
        router.get("/v1/services") { _, _ in try Self.json(await source.services()) }
        router.get("/v1/endpoints") { _, _ in try Self.json(await source.endpoints()) }
        router.get("/v1/certificates") { _, _ in try Self.json(await source.certificates()) }
        router.get("/v1/policies") { _, _ in try Self.json(await source.policies()) }
        router.get("/v1/connections") { _, _ in try Self.json(await source.connections()) }
        router.get("/v1/check") { _, _ in try Self.json(await source.checks()) }
        router.get("/v1/config") { _, _ in try Self.json(await source.configuration()) }
        router.get("/v1/explain") { request, _ in
            let query = request.uri.queryParameters
            guard let from = query["source"], let to = query["destination"] else {
                return try Self.refuse(.badRequest, "name a source and a destination", "…/explain?source=wallet&destination=usage")
            }
            guard let answer = await source.explain(source: String(from), destination: String(to)) else {
                return try Self.refuse(.notFound, "\(from) or \(to) is no service of the mesh", "see `myelinctl services`")
            }
            return try Self.json(answer)
        }
        router.get("/v1/flows") { request, _ in
            let query = request.uri.queryParameters
            let deniedOnly = query["denied"] == "1"
            if query["follow"] == "1" { return Self.stream(await source.followFlows(deniedOnly: deniedOnly)) }
            let limit = query["limit"].flatMap { Int($0) } ?? 100
            return try Self.json(await source.flows(deniedOnly: deniedOnly, limit: min(max(0, limit), Self.maximumFlows)))
        }
        return router
    }

    private static func json(_ value: some Encodable, status: HTTPResponse.Status = .ok) throws -> Response {
        let data = try AdminJSON.encoder().encode(value)
        return Response(status: status, headers: [.contentType: "application/json"], body: ResponseBody(byteBuffer: ByteBuffer(data: data)))
    }

    private static func refuse(_ status: HTTPResponse.Status, _ error: String, _ remedy: String) throws -> Response {
        try json(AdminComplaint(error: error, remedy: remedy), status: status)
    }

    /// One JSON object a line, until the reader goes away.
    private static func stream(_ flows: AsyncStream<FlowEntry>) -> Response {
        let body = ResponseBody { writer in
            let encoder = AdminJSON.encoder()
            for await flow in flows {
                var line = try encoder.encode(flow)
                line.append(UInt8(ascii: "\n"))
                try await writer.write(ByteBuffer(data: line))
            }
            try await writer.finish(nil)
        }
        return Response(status: .ok, headers: [.contentType: "application/x-ndjson"], body: body)
    }
}

/// Why the status socket or the metrics port cannot be served.
package struct AdminFailure: Error, Sendable, CustomStringConvertible {
    package let description: String
    package init(_ description: String) { self.description = description }
}

/// What the socket answers when it cannot do what was asked.
package struct AdminComplaint: Codable, Sendable, Error {
    package let error: String
    package let remedy: String
}
