/// How quickly a circuit breaker opens (R5.3). Its numbers stand in docs/http.md.
package enum Sensitivity: String, Sendable, CaseIterable {
    case low, normal, high

    package var settings: BreakerSettings {
        switch self {
        case .low: BreakerSettings(consecutive: 10, share: 0.8, volume: 50, firstCooling: 2, probes: 5, slowness: 10)
        case .normal: BreakerSettings(consecutive: 5, share: 0.5, volume: 20, firstCooling: 3, probes: 3, slowness: 5)
        case .high: BreakerSettings(consecutive: 3, share: 0.25, volume: 10, firstCooling: 5, probes: 1, slowness: 3)
        }
    }
}

/// When a breaker opens, for how long, and how it closes again.
package struct BreakerSettings: Hashable, Sendable {
    /// So many failures in a row open it.
    package let consecutive: Int
    /// So does this share of failures among at least `volume` attempts within the window.
    package let share: Double
    package let volume: Int
    /// Nanoseconds that it stays open the first time; twice as long each time after that, up to `longestCooling`.
    package let firstCooling: UInt64
    /// Attempts that a half-open breaker lets through at one moment, and successes that close it.
    package let probes: Int
    /// An endpoint this many times slower than the median of the others is passed over.
    package let slowness: Double

    /// For a service as a whole: one caller's few bad requests in a row must not close it to all others.
    package var ofService: BreakerSettings {
        BreakerSettings(
            consecutive: .max, share: share, volume: volume, firstCooling: firstCooling / 1_000_000_000, probes: probes, slowness: slowness)
    }

    package static let longestCooling: UInt64 = 60_000_000_000
    package static let window: UInt64 = 10_000_000_000

    /// - Parameter firstCooling: seconds.
    package init(consecutive: Int, share: Double, volume: Int, firstCooling: UInt64, probes: Int, slowness: Double) {
        self.consecutive = consecutive
        self.share = share
        self.volume = volume
        self.firstCooling = firstCooling * 1_000_000_000
        self.probes = probes
        self.slowness = slowness
    }
}
