internal import MeshTypes
internal import Synchronization

/// Counts flows by who called whom. A flow is counted when it ends.
///
/// Bounded: pairs of services beyond `maximumSeries` share one series labelled `other`.
final class FlowMetrics: Sendable {
    static let maximumSeries = 10_000
    /// Upper bounds of the duration histogram, in seconds.
    static let bounds: [Double] = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 60, 600]

    fileprivate struct Series {
        var flows: UInt64 = 0
        var sent: UInt64 = 0
        var received: UInt64 = 0
        var resets: UInt64 = 0
        var denials: [DenialReason: UInt64] = [:]
    }

    fileprivate struct State {
        var series: [ServicePair: Series] = [:]
        var buckets = [UInt64](repeating: 0, count: FlowMetrics.bounds.count + 1)
        var durationSum = 0.0
        var overflow: UInt64 = 0
    }

    private let state = Mutex(State())

    private let names: @Sendable (ServiceID) -> ServiceIdentity?

    init(names: @escaping @Sendable (ServiceID) -> ServiceIdentity?) { self.names = names }

    func count(_ record: FlowRecord) {
        // Requests have metrics of their own; refusals are counted here, whatever was refused. A copy of a request was refused to nobody.
        guard !record.request.isPresent || (record.ending == .refused && !record.request.isShadow) else { return }
        var pair = ServicePair(record, names)
        state.withLock { state in
            if state.series[pair] == nil, state.series.count >= Self.maximumSeries {
                pair = pair.other
                state.overflow += 1
            }
            state.add(record, to: pair)
        }
    }

    func families() -> [MetricFamily] {
        state.withLock { state in
            let ordered = state.series.map { (labels: $0.key.labels(names, protocol: "tcp"), series: $0.value) }.sorted { left, right in
                left.labels.lexicographicallyPrecedes(right.labels) { $0.value < $1.value }
            }
            func counter(_ name: String, _ help: String, _ value: (Series) -> UInt64) -> MetricFamily {
                MetricFamily(
                    name: name, help: help, kind: .counter,
                    samples: ordered.map { MetricSample(labels: $0.labels, value: Double(value($0.series))) })
            }
            let denials = ordered.flatMap { labels, series in
                series.denials.sorted { $0.key.rawValue < $1.key.rawValue }.map { reason, count in
                    MetricSample(labels: [MetricSample.Label("reason", reason.code)] + labels, value: Double(count))
                }
            }
            return [
                counter("istio_tcp_connections_closed_total", "Flows that were carried and have ended.") { $0.flows },
                counter("istio_tcp_sent_bytes_total", "Bytes from callee to caller.") { $0.received },
                counter("istio_tcp_received_bytes_total", "Bytes from caller to callee.") { $0.sent },
                counter("myelin_flow_resets_total", "Flows that ended by a reset.") { $0.resets },
                MetricFamily(name: "myelin_denials_total", help: "Flows that were refused, by reason.", kind: .counter, samples: denials),
                state.histogram(),
                MetricFamily(
                    name: "myelin_metric_series_overflow_total", help: "Flows counted under \"other\" because the series were full.",
                    kind: .counter, samples: [MetricSample(value: Double(state.overflow))]),
            ]
        }
    }
}

extension FlowMetrics.State {
    fileprivate mutating func add(_ record: FlowRecord, to pair: ServicePair) {
        var entry = series[pair] ?? FlowMetrics.Series()
        defer { series[pair] = entry }
        guard record.ending != .refused else {
            entry.denials[record.reason, default: 0] += 1
            return
        }
        entry.flows += 1
        entry.sent += record.sent
        entry.received += record.received
        if record.ending == .reset { entry.resets += 1 }
        let seconds = Double(record.duration) / 1e9
        durationSum += seconds
        buckets[FlowMetrics.bounds.firstIndex { seconds <= $0 } ?? FlowMetrics.bounds.count] += 1
    }

    fileprivate func histogram() -> MetricFamily {
        var cumulative: UInt64 = 0
        var samples: [MetricSample] = []
        for (bound, count) in zip(FlowMetrics.bounds.map { "\($0)" } + ["+Inf"], buckets) {
            cumulative += count
            samples.append(MetricSample(suffix: "_bucket", labels: [MetricSample.Label("le", bound)], value: Double(cumulative)))
        }
        samples.append(MetricSample(suffix: "_sum", value: durationSum))
        samples.append(MetricSample(suffix: "_count", value: Double(cumulative)))
        return MetricFamily(
            name: "myelin_flow_duration_seconds", help: "How long carried flows lived.", kind: .histogram, samples: samples)
    }
}
