/// Counts what a peer makes us do, per slice of time, and says when it is too much. A value: no clock, no I/O.
struct FrameBudget: BitwiseCopyable {
    /// What is counted.
    enum Kind: Int, BitwiseCopyable, CaseIterable {
        case settings, ping, reset, emptyData, priority, unknown, invalid, windowUpdate
    }

    private let limits: FloodLimits
    private var sliceStart: UInt64 = 0
    /// One lane per `Kind`.
    private var counts = SIMD16<UInt32>(repeating: 0)
    private var dataFramesSent: UInt32 = 0
    private var exchanges: UInt32 = 0
    /// Nanoseconds of the caller's monotonic clock.
    private(set) var now: UInt64 = 0

    init(_ limits: FloodLimits) { self.limits = limits }

    /// Moves on to `now`; a slice that has passed is forgotten.
    mutating func advance(to now: UInt64) {
        self.now = now
        guard now &- sliceStart >= limits.slice else { return }
        sliceStart = now
        counts = SIMD16(repeating: 0)
        dataFramesSent = 0
        exchanges = 0
    }

    mutating func sentData() { dataFramesSent &+= 1 }
    /// A server answered a request, or a client made one.
    mutating func exchanged() { exchanges &+= 1 }

    /// Counts one frame. - Returns: what the peer is guilty of, if it was one too many.
    mutating func count(_ kind: Kind) -> HBONEFailure? {
        counts[kind.rawValue] &+= 1
        return counts[kind.rawValue] > bound(of: kind) ? failure(of: kind) : nil
    }

    private func bound(of kind: Kind) -> UInt32 {
        switch kind {
        case .settings: limits.settings
        case .ping: limits.pings
        case .reset: limits.resets &+ exchanges
        case .emptyData: limits.emptyData
        case .priority: limits.priorities
        case .unknown: limits.unknownFrames
        case .invalid: limits.invalidFrames
        case .windowUpdate: limits.windowUpdates &+ dataFramesSent &* limits.windowUpdatesPerData
        }
    }

    private func failure(of kind: Kind) -> HBONEFailure {
        switch kind {
        case .settings: .settingsFlood
        case .ping: .pingFlood
        case .reset: .rapidReset
        case .emptyData: .emptyDataFlood
        case .priority: .priorityFlood
        case .unknown: .unknownFrameFlood
        case .invalid: .invalidFrameFlood
        case .windowUpdate: .windowUpdateFlood
        }
    }
}
