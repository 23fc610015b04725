internal import MeshTypes
internal import Synchronization

/// Counts copies of requests (`mirror`, R4.4) by whose requests they were, whom they were for, and what became of them.
///
/// Bounded: pairs beyond `maximumPairs` share one labelled `other`. Statuses and results are few by themselves.
final class MirrorMetrics: Sendable {
    static let maximumPairs = 10_000

    private struct Subject: Hashable {
        var pair: ServicePair
        let isGRPC: Bool
    }

    private struct Outcome: Hashable {
        let result: MirrorResult
        /// Of the answer that nobody got; 0 without one.
        let status: UInt16
    }

    private let state = Mutex<[Subject: [Outcome: UInt64]]>([:])
    private let names: @Sendable (ServiceID) -> ServiceIdentity?

    init(names: @escaping @Sendable (ServiceID) -> ServiceIdentity?) { self.names = names }

    func count(_ record: FlowRecord) {
        guard let result = record.request.mirror else { return }
        var subject = Subject(pair: ServicePair(record, names), isGRPC: record.request.isGRPC)
        state.withLock { state in
            if state[subject] == nil, state.count >= Self.maximumPairs { subject.pair = subject.pair.other }
            state[subject, default: [:]][Outcome(result: result, status: record.request.status), default: 0] += 1
        }
    }

    func family() -> MetricFamily {
        let counts = state.withLock { $0 }
        let samples = counts.flatMap { subject, outcomes in
            outcomes.map { outcome, count in
                let labels = subject.pair.labels(names, protocol: subject.isGRPC ? "grpc" : "http")
                return MetricSample(
                    labels: labels + [
                        MetricSample.Label("result", outcome.result.label), MetricSample.Label("response_code", "\(outcome.status)"),
                    ], value: Double(count))
            }
        }
        return MetricFamily(
            name: "myelin_mirrored_requests_total", help: "Copies of requests, by what became of them.", kind: .counter,
            samples: samples.sorted { left, right in left.labels.lexicographicallyPrecedes(right.labels) { $0.value < $1.value } })
    }
}
