package import Logging
package import ServiceLifecycle

/// Runs an HTTP server until the task is cancelled, and then lets it end in order.
///
/// Passing the cancellation on would drop connections that are accepted but not yet handled, and NIO ends the process over those.
package enum GracefulServing {
    /// What is still being answered is cut off after this.
    private static let patience = Duration.seconds(2)

    /// - Throws: what keeps the server from serving; `CancellationError` when the task was cancelled.
    package static func run(_ server: some Service, log: Logger) async throws {
        var configuration = ServiceGroupConfiguration(services: [server], logger: log)
        configuration.maximumGracefulShutdownDuration = patience
        let group = ServiceGroup(configuration: configuration)
        let running = Task { try await group.run() }
        do {
            try await withTaskCancellationHandler {
                try await running.value
            } onCancel: {
                Task { await group.triggerGracefulShutdown() }
            }
        } catch  where !Task.isCancelled { throw error }
        try Task.checkCancellation()
    }
}
