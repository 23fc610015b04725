internal import HTTPTypes
internal import Hummingbird
package import Logging
package import MeshTypes

/// `/metrics` for Prometheus, `/healthz` and `/readyz` for probes, on a loopback address.
package struct MetricsServer: Sendable {
    private let address: SocketAddress
    private let source: any AdminSource
    private let log: Logger

    package init(address: SocketAddress, source: any AdminSource, log: Logger) {
        self.address = address
        self.source = source
        self.log = log
    }

    /// Until cancelled.
    /// - Parameter listening: called with the port once connections are accepted.
    /// - Throws: `AdminFailure` when the port is taken.
    package func run(listening: @escaping @Sendable (UInt16) -> Void = { _ in }) async throws {
        var quiet = log
        quiet.logLevel = .warning
        let asked = address.port
        let application = Application(
            router: routes(), server: ServerBounds.server(perSource: ServerBounds.connections, ConnectionSource.anybody),
            configuration: ServerBounds.configuration(.hostname(address.ip.description, port: Int(asked))),
            onServerRunning: { listening($0.localAddress?.port.map { UInt16(truncatingIfNeeded: $0) } ?? asked) }, logger: quiet)
        do {
            try await GracefulServing.run(application, log: quiet)
        } catch let error as CancellationError {
            throw error
        } catch {
            throw AdminFailure("\(address) cannot be listened on for metrics: \(error)")
        }
    }

    private func routes() -> Router<BasicRequestContext> {
        let router = Router()
        let source = source
        router.add(middleware: ComplaintMiddleware())
        router.get("/metrics") { _, _ in Self.text(await source.metrics(), type: "text/plain; version=0.0.4; charset=utf-8") }
        router.get("/healthz") { _, _ in Self.text("ok\n") }
        router.get("/readyz") { _, _ in
            await source.isReady() ? Self.text("ready\n") : Self.text("not ready: see myelinctl status\n", status: .serviceUnavailable)
        }
        return router
    }

    private static func text(_ text: String, type: String = "text/plain", status: HTTPResponse.Status = .ok) -> Response {
        Response(status: status, headers: [.contentType: type], body: ResponseBody(byteBuffer: ByteBuffer(string: text)))
    }
}
