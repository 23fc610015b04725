internal import MeshTypes

/// What the probes of one check say of one endpoint, and when the next is due. A pure value; times are monotonic nanoseconds.
package struct CheckedHealth: Sendable {
    package enum Verdict: Sendable, Equatable { case unknown, passing, failing }

    /// The first probe follows within this time, or the interval if that is shorter, at a moment drawn by lot.
    package static let firstSpread = Duration.seconds(1)
    /// While nothing is known, probes follow each other so quickly, or at the interval if that is shorter.
    package static let hurry = Duration.milliseconds(500)

    package private(set) var verdict: Verdict
    /// When the next probe is to start.
    package private(set) var due: UInt64
    /// Results in a row that contradict the verdict.
    private var contrary = 0
    /// It appeared while the node watched and has not passed yet: the first success is enough.
    private var isAwaited: Bool

    /// - Parameter isAwaited: it must pass once before it is believed to be well. One that was there before it was checked (the daemon started
    ///   anew, or the policy asks for checks from now on) is presumed well until probes say otherwise.
    package init(_ check: HealthCheck, isAwaited: Bool, now: UInt64, using random: inout some RandomNumberGenerator) {
        self.isAwaited = isAwaited
        verdict = isAwaited ? .failing : .unknown
        due = now + UInt64.random(in: 0..<max(1, min(check.interval, Self.firstSpread).nanoseconds), using: &random)
    }

    /// A probe has ended.
    ///
    /// - Parameter started: when it began.
    /// - Returns: the verdict, if it changed.
    package mutating func record(passed: Bool, _ check: HealthCheck, started: UInt64) -> Verdict? {
        let before = verdict
        switch (verdict, passed) {
        case (.unknown, true): verdict = .passing
        case (.passing, true), (.failing, false): contrary = 0
        case (.unknown, false), (.passing, false):
            contrary += 1
            if contrary >= check.unhealthy { verdict = .failing }
        case (.failing, true):
            contrary += 1
            if isAwaited || contrary >= check.healthy { verdict = .passing }
        }
        if verdict == .passing { isAwaited = false }
        if verdict != before { contrary = 0 }
        postpone(check, started: started)
        return verdict == before ? nil : verdict
    }

    /// There was no probe, for a reason that says nothing of the endpoint.
    package mutating func postpone(_ check: HealthCheck, started: UInt64) {
        due = started + (verdict == .unknown ? min(check.interval, Self.hurry) : check.interval).nanoseconds
    }
}

/// May an endpoint have traffic, as far as checks tell.
package enum Readiness: String, Sendable, CaseIterable {
    case unknown, ready, unready

    /// - Parameters: what the two checks say; nil where there is none. A process that hangs is not ready, whatever the other says.
    package init(readiness: CheckedHealth.Verdict?, liveness: CheckedHealth.Verdict?) {
        if liveness == .failing {
            self = .unready
            return
        }
        self =
            switch readiness ?? liveness ?? .unknown {
            case .passing: .ready
            case .failing: .unready
            case .unknown: .unknown
            }
    }
}
