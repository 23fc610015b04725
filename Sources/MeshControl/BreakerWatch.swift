internal import Logging
internal import MeshBalancing
internal import MeshResilience
internal import MeshTelemetry
internal import MeshTypes
internal import Synchronization

/// Logs and counts what circuit breakers do (R5.3, R8.1).
final class BreakerWatch: Sendable {
    private struct Key: Hashable {
        let service: ServiceID
        let isEndpoint: Bool
        let change: CircuitBreaker.Change
    }

    private let counts = Mutex<[Key: UInt64]>([:])
    private let numbers: ServiceNumbers
    private let log: Logger

    init(numbers: ServiceNumbers, log: Logger) {
        self.numbers = numbers
        self.log = log
    }

    func note(_ service: ServiceID, _ event: BreakerEvent) {
        counts.withLock { $0[Key(service: service, isEndpoint: event.endpoint != nil, change: event.change), default: 0] += 1 }
        var metadata: Logger.Metadata = ["service": "\(name(service))", "change": "\(event.change)"]
        if let endpoint = event.endpoint { metadata["endpoint"] = "\(endpoint)" }
        log.log(level: event.change == .opened ? .warning : .info, "circuit breaker", metadata: metadata)
    }

    func family() -> MetricFamily {
        let samples = counts.withLock { $0 }.map { key, count in
            (
                [
                    MetricSample.Label("destination_service", name(key.service)),
                    MetricSample.Label("scope", key.isEndpoint ? "endpoint" : "service"), MetricSample.Label("change", "\(key.change)"),
                ], Double(count)
            )
        }
        return MetricFamily(
            name: "myelin_circuit_breaker_changes_total", help: "What circuit breakers did, of services and of single endpoints.",
            kind: .counter,
            samples: samples.sorted { left, right in left.0.lexicographicallyPrecedes(right.0) { $0.value < $1.value } }.map {
                MetricSample(labels: $0.0, value: $0.1)
            })
    }

    private func name(_ service: ServiceID) -> String { numbers.identity(of: service).map { "\($0.name)" } ?? "unknown" }
}
