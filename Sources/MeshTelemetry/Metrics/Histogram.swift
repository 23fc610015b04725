/// Counts of values up to bounds that do not change.
struct Histogram {
    /// Upper bounds, rising; one more bucket takes what is above.
    private let bounds: [Double]
    private var counts: [UInt64]
    private var sum = 0.0

    init(_ bounds: [Double]) {
        self.bounds = bounds
        counts = [UInt64](repeating: 0, count: bounds.count + 1)
    }

    mutating func add(_ value: Double) {
        sum += value
        counts[bounds.firstIndex { value <= $0 } ?? bounds.count] += 1
    }

    func samples(_ labels: [MetricSample.Label]) -> [MetricSample] {
        var cumulative: UInt64 = 0
        var samples: [MetricSample] = []
        for (bound, count) in zip(bounds.map { MetricFamily.number($0) } + ["+Inf"], counts) {
            cumulative += count
            samples.append(
                MetricSample(suffix: "_bucket", labels: labels + [MetricSample.Label("le", bound)], value: Double(cumulative)))
        }
        samples.append(MetricSample(suffix: "_sum", labels: labels, value: sum))
        samples.append(MetricSample(suffix: "_count", labels: labels, value: Double(cumulative)))
        return samples
    }
}
