internal import Logging
internal import MeshAdmin
internal import MeshConfig
internal import MeshSystem

/// The status socket and the metrics port of a daemon.
struct Administration: Sendable {
    private let status: StatusServer
    private let metrics: MetricsServer
    private let log: Logger

    /// - Parameter inherited: the status socket of the service manager; nil to make one.
    init(_ configuration: NodeConfiguration, inherited: Int32?, source: NodeAdmin, log: Logger) throws(StartFailure) {
        let group = try Self.group(configuration.admin.group)
        do throws(AdminFailure) {
            status = try StatusServer(
                path: configuration.statusSocket, inherited: inherited, source: source, group: group, log: log)
        } catch {
            throw StartFailure(code: "status_socket", what: "\(error)", advice: "stop it, or set another run directory")
        }
        metrics = MetricsServer(address: configuration.metrics, source: source, log: log)
        self.log = log
    }

    private static func group(_ name: String?) throws(StartFailure) -> UInt32? {
        guard let name else { return nil }
        if let number = groupNumber(named: name) { return number }
        throw StartFailure(
            code: "admin_group", what: "there is no group \"\(name)\"",
            advice: "make it (groupadd --system \(name)), or correct admin.group")
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
