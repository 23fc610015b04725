package import Foundation

/// A point in time, twice: spans are measured by a clock that nobody sets, people read the other.
package struct Moment: Sendable, Equatable {
    package let instant: ContinuousClock.Instant
    package let date: Date

    package init(instant: ContinuousClock.Instant, date: Date) {
        self.instant = instant
        self.date = date
    }

    package static var now: Moment { Moment(instant: .now, date: Date()) }
}
