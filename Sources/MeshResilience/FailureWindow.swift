/// How many attempts of the last seconds succeeded and failed. Two halves: the older one is dropped when the newer is full.
package struct FailureWindow: Sendable {
    private struct Half {
        var succeeded: UInt32 = 0
        var failed: UInt32 = 0
        var latency: UInt64 = 0
    }

    private var newer = Half()
    private var older = Half()
    private var newerSince: UInt64 = 0
    private static let half = BreakerSettings.window / 2

    package init() {}

    /// - Parameter latency: nanoseconds; of a success.
    package mutating func add(succeeded: Bool, latency: UInt64, now: UInt64) {
        move(to: now)
        if succeeded {
            newer.succeeded += 1
            newer.latency &+= latency
        } else {
            newer.failed += 1
        }
    }

    package mutating func move(to now: UInt64) {
        guard now.elapsed(since: newerSince) >= Self.half else { return }
        older = now.elapsed(since: newerSince) < 2 * Self.half ? newer : Half()
        newer = Half()
        newerSince = now
    }

    package var succeeded: Int { Int(newer.succeeded + older.succeeded) }
    package var failed: Int { Int(newer.failed + older.failed) }
    package var count: Int { succeeded + failed }
    /// Nanoseconds, of successes; 0 without any.
    package var meanLatency: Double { succeeded == 0 ? 0 : Double(newer.latency &+ older.latency) / Double(succeeded) }
}
