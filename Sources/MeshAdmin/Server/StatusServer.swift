internal import Glibc
internal import HTTPTypes
internal import Hummingbird
package import Logging
internal import MeshSystem
internal import MeshTelemetry
internal import ServiceLifecycle
internal import Synchronization

/// Answers `myelinctl` on a Unix socket. Who may open the socket may see everything; what may be changed, and by whom, is `AdminGate`'s.
package struct StatusServer: Sendable {
    private let file: SocketFile
    /// A socket that the service manager listens on; nil to make one at `file`.
    private let inherited: Int32?
    private let source: any AdminSource
    private let gate: AdminGate
    private let log: Logger

    /// - Parameter group: its members may open the socket and change things; nil: root and the daemon's own user only.
    /// - Throws: when another process listens on the socket, or the file is none. A socket that nobody listens on is replaced.
    /// - Parameter inherited: a listening socket out of the service manager's hands, which the server owns; nil for one of its own.
    package init(
        path: String, inherited: Int32? = nil, source: any AdminSource, group: UInt32? = nil, log: Logger
    ) throws(AdminFailure) {
        file = SocketFile(path: path, group: group)
        self.inherited = inherited
        gate = AdminGate(group: group)
        self.source = source
        self.log = log
        if inherited == nil { try Self.clear(file) }
    }

    private static func clear(_ file: SocketFile) throws(AdminFailure) {
        do throws(SocketFileFailure) { try file.clear() } catch { throw AdminFailure(error.description) }
    }

    /// Until cancelled; the socket's file goes with it.
    /// - Parameter listening: called once connections are accepted.
    /// - Throws: `AdminFailure` when the socket cannot be served.
    package func run(listening: @escaping @Sendable () -> Void = {}) async throws {
        if let inherited { return try await serve(inherited, listening) }
        // Another process may have come since `init`, or since the last attempt.
        try Self.clear(file)
        var quiet = log
        quiet.logLevel = .warning
        let file = file
        let published = Mutex<Result<SocketFile.Identity, SocketFileFailure>?>(nil)
        defer { if case .success(let identity) = published.withLock(\.self) { file.remove(identity) } }
        let application = Application(
            router: routes(), server: ServerBounds.server(perSource: ServerBounds.perUser, ConnectionSource.user),
            configuration: ServerBounds.configuration(.unixDomainSocket(path: file.privatePath)),
            onServerRunning: { channel in
                let result = Result { () throws(SocketFileFailure) in try file.publish() }
                published.withLock { $0 = result }
                switch result {
                case .success: listening()
                case .failure: try? await channel.close()
                }
            }, logger: quiet)
        do {
            try await GracefulServing.run(application, log: quiet)
        } catch let error as CancellationError {
            throw error
        } catch {
            if case .failure(let failure) = published.withLock(\.self) { throw AdminFailure(failure.description) }
            throw AdminFailure("\(file.path) cannot be served: \(error)")
        }
    }

    /// On a duplicate, so that another attempt has it too.
    private func serve(_ inherited: Int32, _ listening: @escaping @Sendable () -> Void) async throws {
        var quiet = log
        quiet.logLevel = .warning
        let socket = fcntl(inherited, F_DUPFD_CLOEXEC, 0)
        guard socket >= 0 else {
            throw AdminFailure("the status socket of the service manager cannot be used: \(String(cString: strerror(errno)))")
        }
        try await GracefulServing.run(
            InheritedServer(socket: socket, responder: routes().buildResponder(), log: quiet, listening: listening), log: quiet)
    }

    private func routes() -> Router<PeerRequest> {
        let router = Router(context: PeerRequest.self)
        let source = source
        router.add(middleware: ComplaintMiddleware())
        router.get("/v1/status") { _, _ in try AdminJSON.respond(await source.status()) }
        router.get("/v1/workloads") { _, _ in try AdminJSON.respond(await source.workloads()) }
        router.get("/v1/services") { _, _ in try AdminJSON.respond(await source.services()) }
        router.get("/v1/endpoints") { _, _ in try AdminJSON.respond(await source.endpoints()) }
        router.get("/v1/certificates") { _, _ in try AdminJSON.respond(await source.certificates()) }
        router.get("/v1/policies") { _, _ in try AdminJSON.respond(await source.policies()) }
        router.get("/v1/connections") { _, _ in try AdminJSON.respond(await source.connections()) }
        router.get("/v1/check") { _, _ in try AdminJSON.respond(await source.checks()) }
        router.get("/v1/dns") { _, _ in try AdminJSON.respond(await source.names()) }
        router.get("/v1/config") { _, _ in try AdminJSON.respond(await source.configuration()) }
        RegistryRoutes(source: source, gate: gate).add(to: router)
        router.get("/v1/explain") { request, _ in try await Self.explain(request, source) }
        router.get("/v1/flows") { request, _ in try await Self.flows(request, source) }
        return router
    }

    private static func explain(_ request: Request, _ source: any AdminSource) async throws -> Response {
        let query = request.uri.queryParameters
        guard let from = query["source"], let to = query["destination"] else {
            return try AdminJSON.refuse(
                .badRequest, "a source and a destination must be named", "ask /v1/explain?source=wallet&destination=usage")
        }
        let operation = query["operation"].map { String($0) }
        guard let answer = await source.explain(source: String(from), destination: String(to), operation: operation) else {
            return try AdminJSON.refuse(.notFound, "\(from) or \(to) is no service of the mesh", "see `myelinctl services`")
        }
        return try AdminJSON.respond(answer)
    }

    private static func flows(_ request: Request, _ source: any AdminSource) async throws -> Response {
        let query = request.uri.queryParameters
        let deniedOnly = query["denied"] == "1"
        if query["follow"] == "1" { return stream(await source.followFlows(deniedOnly: deniedOnly), to: request) }
        guard let limit = query["limit"].map({ Int($0) }) ?? ServerBounds.flowsUnlessAsked, (0...ServerBounds.flows).contains(limit) else {
            return try AdminJSON.refuse(.badRequest, "limit is no number from 0 to \(ServerBounds.flows)", "correct it, or leave it out")
        }
        return try AdminJSON.respond(await source.flows(deniedOnly: deniedOnly, limit: limit))
    }

    /// One JSON object a line, until the reader goes away, which is noticed even when no flow ends.
    private static func stream(_ flows: AsyncStream<FlowEntry>, to request: Request) -> Response {
        let body = ResponseBody { writer in
            // The writer is lent to this closure only; inside the task of the reader's watch it is still used by one at a time.
            nonisolated(unsafe) var writer = writer
            try await request.body.consumeWithCancellationOnInboundClose { _ in
                for await flow in flows.cancelOnGracefulShutdown() {
                    try await writer.write(ByteBuffer(string: try AdminJSON.text(flow) + "\n"))
                }
            }
            try await writer.finish(nil)
        }
        return Response(status: .ok, headers: [.contentType: "application/x-ndjson"], body: body)
    }
}
