/// Token buckets by name, pure: how often each may ask.
package struct RequestRates {
    private struct Bucket {
        var tokens: Double
        /// Seconds on the caller's clock.
        var filled: Double
    }

    private let burst: Double
    private let rate: Double
    private let capacity: Int
    private var buckets: [String: Bucket] = [:]

    /// - Parameters:
    ///   - burst: questions at once.
    ///   - rate: per second afterwards.
    ///   - capacity: names that are remembered.
    package init(burst: Double, rate: Double, capacity: Int) {
        self.burst = burst
        self.rate = rate
        self.capacity = capacity
    }

    /// - Parameter now: seconds, on any clock that does not go back.
    /// - Returns: false if `name` asks too often, or nobody else can be remembered.
    package mutating func admit(_ name: String, now: Double) -> Bool {
        if buckets[name] == nil, buckets.count >= capacity {
            // A full bucket says no more than none.
            buckets = buckets.filter { min(burst, $0.value.tokens + (now - $0.value.filled) * rate) < burst }
            guard buckets.count < capacity else { return false }
        }
        var bucket = buckets[name] ?? Bucket(tokens: burst, filled: now)
        bucket.tokens = min(burst, bucket.tokens + (now - bucket.filled) * rate)
        bucket.filled = now
        let admitted = bucket.tokens >= 1
        if admitted { bucket.tokens -= 1 }
        buckets[name] = bucket
        return admitted
    }
}
