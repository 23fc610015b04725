internal import Logging
internal import MeshAdmin
internal import MeshConfig
internal import MeshRuntime

/// The status socket and the metrics port of a daemon.
struct Administration: Sendable {
    private let status: StatusServer
    private let metrics: MetricsServer
    private let log: Logger

    /// - Parameter inherited: the status socket of the service manager; nil to make one.
    init(_ configuration: NodeConfiguration, inherited: Int32?, source: NodeAdmin, log: Logger) throws(StartFailure) {
        do throws(AdminFailure) {
            status = try StatusServer(path: configuration.statusSocket, inherited: inherited, source: source, log: log)
        } catch {
            throw StartFailure(code: "status_socket", what: "\(error)", advice: "stop it, or set another run directory")
        }
        metrics = MetricsServer(address: configuration.metrics, source: source, log: log)
        self.log = log
    }

    /// Until cancelled. A server that cannot serve is reported and tried again: traffic does not depend on it.
    func run() async {
        await withTaskGroup { group in
            group.addTask { await keep("status socket") { try await status.run() } }
            group.addTask { await keep("metrics") { try await metrics.run() } }
        }
    }

    private static let retry = Duration.seconds(5)

    private func keep(_ what: String, _ serve: () async throws -> Void) async {
        while !Task.isCancelled {
            do { try await serve() } catch is CancellationError { return } catch {
                log.error("\(what) cannot be served", metadata: ["error": "\(error)"])
            }
            try? await Task.sleep(for: Self.retry)
        }
    }
}
