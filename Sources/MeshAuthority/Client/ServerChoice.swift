/// Which of several authorities to ask, and when again: pure. In order; the next one when one does not answer.
package struct ServerChoice {
    package static let firstPause = Duration.milliseconds(500)
    package static let longestPause = Duration.seconds(5)

    package let count: Int
    /// The one that answered last.
    package private(set) var preferred = 0
    /// Rounds in which none answered.
    package private(set) var failures = 0
    /// nil: at once.
    package private(set) var notBefore: ContinuousClock.Instant?

    package init(count: Int) { self.count = count }

    /// In which order to ask now; empty while nobody is to be asked.
    package func order(now: ContinuousClock.Instant) -> [Int] {
        if let notBefore, now < notBefore { return [] }
        return (0..<count).map { (preferred + $0) % count }
    }

    package mutating func answered(_ server: Int) {
        preferred = server
        failures = 0
        notBefore = nil
    }

    /// - Parameter chance: 0..<1; up to half of the pause is left to it, so that nodes do not come back at once.
    package mutating func noneAnswered(now: ContinuousClock.Instant, chance: Double) {
        failures += 1
        // The first one has the word again when it is back.
        preferred = 0
        let pause = min(Self.firstPause * (1 << min(failures - 1, 10)), Self.longestPause)
        notBefore = now + pause * (0.5 + 0.5 * chance)
    }
}
