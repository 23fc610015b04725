/// How long a worker took for one batch of events at most: what all others had to wait for. Of the interval under way and the one before, so
/// that it is seen by whoever looks every ten seconds, and forgotten later. Times in monotonic nanoseconds.
package struct LongestTurn {
    package static let interval: UInt64 = 10_000_000_000

    private var began: UInt64 = 0
    private var current: UInt64 = 0
    private var last: UInt64 = 0

    package var value: UInt64 { max(current, last) }

    package init() {}

    package mutating func note(from start: UInt64, to end: UInt64) {
        let elapsed = end &- began
        if elapsed >= Self.interval {
            last = elapsed < 2 * Self.interval ? current : 0
            current = 0
            began = end
        }
        current = max(current, end &- start)
    }
}
