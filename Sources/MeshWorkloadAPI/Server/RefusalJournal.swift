internal import Synchronization

/// Which refusals are worth a line: a caller that tries again and again is told of once in a while.
package final class RefusalJournal: Sendable {
    /// Callers that are remembered.
    package static let maximumCallers = 256
    package static let pause = Duration.seconds(60)

    package init() {}

    private let last = Mutex<[String: ContinuousClock.Instant]>([:])

    /// Whether to report a refusal of this caller now.
    package func isNews(_ caller: String, now: ContinuousClock.Instant = .now) -> Bool {
        last.withLock { last in
            if let before = last[caller], now - before < Self.pause { return false }
            if last.count >= Self.maximumCallers { last = last.filter { now - $0.value < Self.pause } }
            // So many at once are a storm, and one more line says nothing new.
            guard last.count < Self.maximumCallers else { return false }
            last[caller] = now
            return true
        }
    }
}
