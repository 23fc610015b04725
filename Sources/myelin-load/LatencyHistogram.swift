/// Counts of latencies in nanoseconds, log-linear: 64 buckets for each power of two, so a value is known to within 1.6 %.
final class LatencyHistogram {
    private static let linearBits = 6
    private static let bucketCount = (65 - linearBits) << linearBits
    private let buckets: UnsafeMutablePointer<UInt64>
    private(set) var count: UInt64 = 0

    init() {
        buckets = .allocate(capacity: Self.bucketCount)
        buckets.initialize(repeating: 0, count: Self.bucketCount)
    }

    deinit { buckets.deallocate() }

    func record(_ nanoseconds: UInt64) {
        buckets[Self.bucket(of: nanoseconds)] += 1
        count += 1
    }

    func add(_ other: LatencyHistogram) {
        for index in 0..<Self.bucketCount { buckets[index] += other.buckets[index] }
        count += other.count
    }

    /// The latency in microseconds that `share` (0…1) of all stayed below or at; nil without any.
    func quantile(_ share: Double) -> Double? {
        guard count > 0 else { return nil }
        let rank = max(1, UInt64((Double(count) * share).rounded(.up)))
        var seen: UInt64 = 0
        for index in 0..<Self.bucketCount {
            seen += buckets[index]
            if seen >= rank { return Self.middle(of: index) / 1000 }
        }
        return nil
    }

    private static func bucket(of value: UInt64) -> Int {
        let exponent = 63 - max(value, 1).leadingZeroBitCount
        guard exponent > linearBits else { return Int(value) }
        let shift = exponent - linearBits
        return (shift << linearBits) + Int(value >> UInt64(shift))
    }

    private static func middle(of bucket: Int) -> Double {
        let shift = max(0, (bucket >> linearBits) - 1)
        let low = UInt64(bucket - (shift << linearBits)) << UInt64(shift)
        return Double(low) + Double((UInt64(1) << UInt64(shift)) - 1) / 2
    }
}
