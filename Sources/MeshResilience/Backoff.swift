/// How long to wait before another attempt: exponential, with full jitter.
package enum Backoff {
    /// Nanoseconds.
    private static let first: UInt64 = 25_000_000
    private static let longest: UInt64 = 250_000_000

    /// - Parameter attempts: how many there were, at least 1.
    package static func delay(after attempts: Int, using random: inout some RandomNumberGenerator) -> UInt64 {
        UInt64.random(in: 0...min(longest, first << UInt64(min(attempts - 1, 10))), using: &random)
    }
}
