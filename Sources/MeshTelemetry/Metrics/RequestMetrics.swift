internal import MeshTypes
internal import Synchronization

/// Counts requests by who asked whom, for what, and how it was answered (R8.1). A request is counted when it has been answered.
///
/// Bounded: pairs beyond `maximumPairs` share one labelled `other`, operations of one pair beyond `maximumOperations` likewise.
final class RequestMetrics: Sendable {
    static let maximumPairs = 10_000
    static let maximumOperations = 64
    /// Upper bounds of the duration histogram in milliseconds: Istio's.
    static let bounds: [Double] = [
        0.5, 1, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000, 60_000, 300_000, 600_000, 1_800_000, 3_600_000,
    ]

    fileprivate struct Outcome: Hashable {
        let status: UInt16
        let operation: String
    }

    fileprivate struct Series {
        var requests: [Outcome: UInt64] = [:]
        var operations: Set<String> = []
        var buckets = [UInt64](repeating: 0, count: RequestMetrics.bounds.count + 1)
        var sum = 0.0
        var retries: UInt64 = 0
    }

    private let state = Mutex<[ServicePair: Series]>([:])
    private let names: @Sendable (ServiceID) -> ServiceIdentity?

    init(names: @escaping @Sendable (ServiceID) -> ServiceIdentity?) { self.names = names }

    func count(_ record: FlowRecord) {
        guard record.request.isPresent else { return }
        var pair = ServicePair(record, names)
        let operation = Operation.label(ofPath: record.request.path)
        state.withLock { state in
            if state[pair] == nil, state.count >= Self.maximumPairs { pair = pair.other }
            var series = state[pair] ?? Series()
            // Taken out, so that the change is made in place.
            state[pair] = nil
            series.add(record, operation)
            state[pair] = series
        }
    }

    func families() -> [MetricFamily] {
        let ordered = state.withLock { state in
            state.map { (labels: $0.key.labels(names, protocol: "http"), series: $0.value) }.sorted { left, right in
                left.labels.lexicographicallyPrecedes(right.labels) { $0.value < $1.value }
            }
        }
        let requests = ordered.flatMap { labels, series in
            series.requests.sorted { ($0.key.status, $0.key.operation) < ($1.key.status, $1.key.operation) }.map { outcome, count in
                MetricSample(
                    labels: labels + [
                        MetricSample.Label("response_code", "\(outcome.status)"), MetricSample.Label("operation", outcome.operation),
                    ], value: Double(count))
            }
        }
        return [
            MetricFamily(
                name: "istio_requests_total", help: "Requests that have been answered; response_code 0 for those that were not.",
                kind: .counter, samples: requests),
            MetricFamily(
                name: "istio_request_duration_milliseconds", help: "From a request's head to the end of its answer.", kind: .histogram,
                samples: ordered.flatMap { $0.series.histogram($0.labels) }),
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
        requests[RequestMetrics.Outcome(status: record.request.status, operation: label), default: 0] += 1
        retries += UInt64(max(0, Int(record.request.attempts) - 1))
        let milliseconds = Double(record.duration) / 1e6
        sum += milliseconds
        buckets[RequestMetrics.bounds.firstIndex { milliseconds <= $0 } ?? RequestMetrics.bounds.count] += 1
    }

    fileprivate func histogram(_ labels: [MetricSample.Label]) -> [MetricSample] {
        var cumulative: UInt64 = 0
        var samples: [MetricSample] = []
        for (bound, count) in zip(RequestMetrics.bounds.map { MetricFamily.number($0) } + ["+Inf"], buckets) {
            cumulative += count
            samples.append(
                MetricSample(suffix: "_bucket", labels: labels + [MetricSample.Label("le", bound)], value: Double(cumulative)))
        }
        samples.append(MetricSample(suffix: "_sum", labels: labels, value: sum))
        samples.append(MetricSample(suffix: "_count", labels: labels, value: Double(cumulative)))
        return samples
    }
}

/// What a request asks for, by the platform's standard for paths.
enum Operation {
    /// `payout/claim` for `/internal/v1/wallet/payout/claim`; `other` for paths that do not follow the standard.
    static func label(ofPath path: String) -> String {
        let parts = path.utf8.split(separator: UInt8(ascii: "/"), maxSplits: 3, omittingEmptySubsequences: true)
        guard parts.count == 4, parts[0].elementsEqual("internal".utf8), parts[1].first == UInt8(ascii: "v"),
            parts[3].count <= maximumLength, parts[3].allSatisfy(isPlain)
        else { return "other" }
        return String(decoding: parts[3], as: UTF8.self)
    }

    private static let maximumLength = 64

    /// Identifiers in paths (digits) are no operations.
    private static func isPlain(_ byte: UInt8) -> Bool {
        (97...122).contains(byte) || byte == UInt8(ascii: "/") || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_")
    }
}
