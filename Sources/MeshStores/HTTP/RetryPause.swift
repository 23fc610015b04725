/// How long to wait before a store is asked again: ever longer, at random.
struct RetryPause {
    private static let first = Duration.milliseconds(100)

    private let longest: Duration
    private(set) var failures = 0

    init(longest: Duration) { self.longest = longest }

    mutating func succeeded() { failures = 0 }

    /// At least half of what it is by now, so that nobody hammers; the rest at random, so that nodes do not come together.
    mutating func failed(using random: inout some RandomNumberGenerator) -> Duration {
        let whole = min(longest, Self.first * (1 << min(failures, 10)))
        failures += 1
        return whole / 2 + whole / 2 * Double.random(in: 0...1, using: &random)
    }
}
