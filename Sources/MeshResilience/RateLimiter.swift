/// So many in each period, as many of them at once as the burst allows: the generic cell rate algorithm. Times in nanoseconds.
package struct RateLimiter: Sendable {
    /// When the next one would be due.
    private var due: UInt64 = 0

    package enum Admission: Equatable, Sendable {
        /// How many more would be admitted now.
        case admitted(left: Int)
        /// Nanoseconds until one more is.
        case refused(wait: UInt64)
    }

    package init() {}

    /// - Parameter burst: how many may come at once, at least 1.
    package mutating func admit(_ count: Int, per period: UInt64, burst: Int, now: UInt64) -> Admission {
        let interval = max(1, period / UInt64(count))
        let allowance = interval * UInt64(burst)
        let next = max(due, now) + interval
        guard next <= now + allowance else { return .refused(wait: next - now - allowance) }
        due = next
        return .admitted(left: Int((now + allowance - next) / interval))
    }

    /// It has recovered wholly: nothing is lost when it is forgotten.
    package func isFresh(now: UInt64) -> Bool { due <= now }
}
