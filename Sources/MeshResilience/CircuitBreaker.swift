/// Closed, open, half-open (R5.3): of one endpoint, or of a service as a whole. A pure value; times are monotonic nanoseconds.
package struct CircuitBreaker: Sendable {
    package enum State: Sendable, Equatable {
        case closed
        /// Nothing passes before `until`; from then on it is half-open.
        case open(until: UInt64)
        /// So many probes are under way, so many have succeeded.
        case halfOpen(probing: Int, succeeded: Int)
    }

    package enum Change: Sendable, Equatable { case opened, probing, closed }

    package private(set) var state = State.closed
    package private(set) var window = FailureWindow()
    private var consecutive = 0
    /// How often it opened without having been closed for a while.
    private var openings = 0
    private var closedAt: UInt64 = 0

    package init() {}

    /// Would an attempt pass now.
    package func admits(_ settings: BreakerSettings, now: UInt64) -> Bool {
        switch state {
        case .closed: true
        case .open(let until): now >= until
        case .halfOpen(let probing, _): probing < settings.probes
        }
    }

    package var isClosed: Bool { state == .closed }

    /// Nanoseconds until it lets a probe through.
    package func wait(now: UInt64) -> UInt64 {
        if case .open(let until) = state, until > now { until - now } else { 0 }
    }

    /// An attempt that was admitted begins.
    package mutating func begin(now: UInt64) -> Change? {
        switch state {
        case .closed: return nil
        case .open(let until):
            // Some pass an open one: who names its endpoint, and when hardly any endpoint is well.
            guard now >= until else { return nil }
            state = .halfOpen(probing: 1, succeeded: 0)
            return .probing
        case .halfOpen(let probing, let succeeded):
            state = .halfOpen(probing: probing + 1, succeeded: succeeded)
            return nil
        }
    }

    /// An attempt ended; nil says nothing of the other side (the caller went away).
    package mutating func end(succeeded: Bool?, latency: UInt64, _ settings: BreakerSettings, now: UInt64) -> Change? {
        if let succeeded { window.add(succeeded: succeeded, latency: latency, now: now) }
        if succeeded == true { consecutive = 0 }
        if succeeded == false { consecutive += 1 }
        switch state {
        case .closed:
            guard succeeded == false, isDue(settings) else { return nil }
            return open(settings, now: now)
        case .open: return nil
        case .halfOpen(let probing, let done):
            guard succeeded != false else { return open(settings, now: now) }
            let total = done + (succeeded == true ? 1 : 0)
            if total >= settings.probes {
                state = .closed
                closedAt = now
                window = FailureWindow()
                return .closed
            }
            state = .halfOpen(probing: max(0, probing - 1), succeeded: total)
            return nil
        }
    }

    /// Forgets what is older than the window.
    package mutating func age(to now: UInt64) { window.move(to: now) }

    private func isDue(_ settings: BreakerSettings) -> Bool {
        if consecutive >= settings.consecutive { return true }
        return window.count >= settings.volume && Double(window.failed) >= settings.share * Double(window.count)
    }

    /// Opens it whatever the counts say.
    ///
    /// - Parameters:
    ///   - cooling: nanoseconds for the first time; nil for the settings' own.
    ///   - longest: nanoseconds that repeated openings come to.
    package mutating func open(
        _ settings: BreakerSettings, cooling: UInt64? = nil, longest: UInt64 = BreakerSettings.longestCooling, now: UInt64
    ) -> Change? {
        if case .open(let until) = state, until > now { return nil }
        // It was well for long enough: the count of openings starts anew.
        if state == .closed, now.elapsed(since: closedAt) > BreakerSettings.longestCooling { openings = 0 }
        let time = (cooling ?? settings.firstCooling) << UInt64(min(openings, 10))
        openings += 1
        consecutive = 0
        state = .open(until: now + min(time, longest))
        return .opened
    }
}
