internal import Logging
internal import MeshBalancing
internal import MeshDataPlane

/// Logs what health checks find out (R5.5).
struct HealthJournal: Sendable {
    let numbers: ServiceNumbers
    let log: Logger

    func note(_ event: HealthEvent) {
        let service = numbers.identity(of: event.service).map { "\($0)" } ?? "unknown"
        var metadata: Logger.Metadata = ["service": "\(service)", "endpoint": "\(event.endpoint)"]
        if let failure = event.failure { metadata["failure"] = "\(failure)" }
        switch (event.kind, event.isPassing) {
        case (.readiness, true): log.info("endpoint is ready", metadata: metadata)
        case (.readiness, false): log.warning("endpoint is not ready", metadata: metadata)
        case (.liveness, true): log.info("endpoint is alive", metadata: metadata)
        case (.liveness, false): log.error("endpoint hangs", metadata: metadata)
        }
    }
}
