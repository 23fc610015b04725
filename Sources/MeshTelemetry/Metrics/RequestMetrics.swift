internal import MeshTypes
internal import Synchronization

/// Counts requests by who asked whom, for what, and how it was answered (R8.1). A request is counted when it has been answered.
///
/// Bounded: pairs beyond `maximumPairs` share one labelled `other`, operations of one pair beyond `maximumOperations` likewise. Statuses, flags and
/// statuses of gRPC are few by themselves.
final class RequestMetrics: Sendable {
    static let maximumPairs = 10_000
    static let maximumOperations = 64
    /// Upper bounds of the duration histogram in milliseconds: Istio's.
    static let durations: [Double] = [
        0.5, 1, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000, 60_000, 300_000, 600_000, 1_800_000, 3_600_000,
    ]
    /// Upper bounds of the histograms of sizes, in bytes.
    static let sizes: [Double] = [100, 1000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000, 1_000_000_000]

    /// Whose requests are counted together.
    fileprivate struct Subject: Hashable {
        var pair: ServicePair
        let isGRPC: Bool

        func labels(_ names: (ServiceID) -> ServiceIdentity?) -> [MetricSample.Label] {
            pair.labels(names, protocol: isGRPC ? "grpc" : "http")
        }
    }

    fileprivate struct Outcome: Hashable {
        let status: UInt16
        let operation: String
        let reason: DenialReason
        let grpcStatus: UInt8
    }

    fileprivate struct Series {
        var requests: [Outcome: UInt64] = [:]
        var operations: Set<String> = []
        var durations = Histogram(RequestMetrics.durations)
        var sent = Histogram(RequestMetrics.sizes)
        var received = Histogram(RequestMetrics.sizes)
        var retries: UInt64 = 0
    }

    private let state = Mutex<[Subject: Series]>([:])
    private let names: @Sendable (ServiceID) -> ServiceIdentity?

    init(names: @escaping @Sendable (ServiceID) -> ServiceIdentity?) { self.names = names }

    func count(_ record: FlowRecord) {
        // A copy that was sent for a trial is nobody's request.
        guard record.request.isPresent, !record.request.isShadow else { return }
        var subject = Subject(pair: ServicePair(record, names), isGRPC: record.request.isGRPC)
        let operation = Operation.label(ofPath: record.request.path)
        state.withLock { state in
            if state[subject] == nil, state.count >= Self.maximumPairs { subject.pair = subject.pair.other }
            var series = state[subject] ?? Series()
            // Taken out, so that the change is made in place.
            state[subject] = nil
            series.add(record, operation)
            state[subject] = series
        }
    }

    func families() -> [MetricFamily] {
        let ordered = state.withLock { state in
            state.map { (labels: $0.key.labels(names), series: $0.value) }.sorted { left, right in
                left.labels.lexicographicallyPrecedes(right.labels) { $0.value < $1.value }
            }
        }
        func histogram(_ series: KeyPath<Series, Histogram>) -> [MetricSample] {
            ordered.flatMap { $0.series[keyPath: series].samples($0.labels) }
        }
        return [
            MetricFamily(
                name: "istio_requests_total", help: "Requests that have been answered; response_code 0 for those that were not.",
                kind: .counter, samples: ordered.flatMap { $0.series.requests($0.labels) }),
            MetricFamily(
                name: "istio_request_duration_milliseconds", help: "From a request's head to the end of its answer.", kind: .histogram,
                samples: histogram(\.durations)),
            MetricFamily(
                name: "istio_request_bytes", help: "Sizes of requests, head and body.", kind: .histogram, samples: histogram(\.sent)),
            MetricFamily(
                name: "istio_response_bytes", help: "Sizes of answers, head and body.", kind: .histogram, samples: histogram(\.received)),
            MetricFamily(
                name: "myelin_request_retries_total", help: "Attempts after a request's first.", kind: .counter,
                samples: ordered.map { MetricSample(labels: $0.labels, value: Double($0.series.retries)) }),
        ]
    }
}

extension RequestMetrics.Series {
    fileprivate mutating func add(_ record: FlowRecord, _ operation: String) {
        let isKnown = operations.contains(operation) || operations.count < RequestMetrics.maximumOperations
        let label = isKnown ? operation : "other"
        operations.insert(label)
        let facts = record.request
        let outcome = RequestMetrics.Outcome(
            status: facts.status, operation: label, reason: record.reason,
            grpcStatus: facts.isGRPC ? facts.grpcStatus : RequestFacts.noGRPCStatus)
        requests[outcome, default: 0] += 1
        retries += UInt64(max(0, Int(facts.attempts) - 1))
        durations.add(Double(record.duration) / 1e6)
        sent.add(Double(record.sent))
        received.add(Double(record.received))
    }

    /// Outcomes that are labelled alike are one series.
    fileprivate func requests(_ labels: [MetricSample.Label]) -> [MetricSample] {
        var counts: [[MetricSample.Label]: UInt64] = [:]
        for (outcome, count) in requests { counts[outcome.labels, default: 0] += count }
        return counts.sorted { left, right in left.key.lexicographicallyPrecedes(right.key) { $0.value < $1.value } }.map {
            MetricSample(labels: labels + $0.key, value: Double($0.value))
        }
    }
}

extension RequestMetrics.Outcome {
    fileprivate var labels: [MetricSample.Label] {
        var labels = [MetricSample.Label("response_flags", reason.responseFlag)]
        if grpcStatus != RequestFacts.noGRPCStatus {
            labels.append(
                MetricSample.Label("grpc_response_status", grpcStatus <= RequestFacts.highestGRPCStatus ? "\(grpcStatus)" : "other"))
        }
        return labels + [MetricSample.Label("response_code", "\(status)"), MetricSample.Label("operation", operation)]
    }
}
