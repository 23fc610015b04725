package import Foundation

/// When to renew, and when to try again: pure.
package enum RenewalSchedule {
    /// Half of the lifetime, give or take a tenth of it, so that a fleet does not renew at once.
    package static let jitter = 0.1
    package static let firstRetry: TimeInterval = 1
    package static let longestRetry: TimeInterval = 300
    /// While a certificate lives, at least this many attempts fit into what is left of it.
    private static let attemptsLeft: TimeInterval = 8

    /// - Parameter chance: 0..<1.
    package static func due(issued: Date, notAfter: Date, chance: Double) -> Date {
        let share = 0.5 + jitter * (2 * chance - 1)
        return issued.addingTimeInterval(notAfter.timeIntervalSince(issued) * share)
    }

    /// - Parameters:
    ///   - failures: in a row, at least 1.
    ///   - notAfter: of the certificate that still serves, if there is one.
    ///   - chance: 0..<1; up to half of the pause is left to it.
    package static func retry(failures: Int, now: Date, notAfter: Date?, chance: Double) -> Date {
        var pause = min(firstRetry * pow(2, Double(min(failures - 1, 16))), longestRetry)
        if let notAfter {
            pause = min(pause, max(firstRetry, notAfter.timeIntervalSince(now) / attemptsLeft))
        }
        return now.addingTimeInterval(pause * (0.5 + 0.5 * chance))
    }
}
