import MeshBalancing
import Testing

/// What a check believes after which probes (R5.5).
struct CheckedHealthTests {
    private static let second: UInt64 = 1_000_000_000
    private let check = HealthCheck(probe: .tcp, interval: .seconds(2), timeout: .seconds(1), unhealthy: 3, healthy: 2)

    /// A generator that always gives one number. Not 0: ranges are drawn by rejection, and it would be rejected for ever.
    private struct Extreme: RandomNumberGenerator {
        let value: UInt64
        mutating func next() -> UInt64 { value }
    }

    private func health(isAwaited: Bool, lot: UInt64 = 2, now: UInt64 = 0) -> CheckedHealth {
        var random = Extreme(value: lot)
        return CheckedHealth(check, isAwaited: isAwaited, now: now, using: &random)
    }

    /// The verdicts after each of some probes: `+` passes, `-` fails.
    private func verdicts(_ probes: String, isAwaited: Bool) -> [CheckedHealth.Verdict] {
        var health = health(isAwaited: isAwaited)
        return probes.map {
            _ = health.record(passed: $0 == "+", check, started: 0)
            return health.verdict
        }
    }

    @Test func whatWasThereBeforeIsPresumedWellUntilItHasFailedOftenEnough() {
        #expect(health(isAwaited: false).verdict == .unknown)
        #expect(verdicts("---", isAwaited: false) == [.unknown, .unknown, .failing])
        #expect(verdicts("+", isAwaited: false) == [.passing])
        #expect(verdicts("-+--", isAwaited: false) == [.unknown, .passing, .passing, .passing], "failures before a success do not count")
    }

    @Test func whatIsNewMustPassOnce() {
        #expect(health(isAwaited: true).verdict == .failing)
        #expect(verdicts("--+", isAwaited: true) == [.failing, .failing, .passing])
        #expect(verdicts("+---+", isAwaited: true).last == .failing, "once only: later it takes as many as the policy says")
    }

    @Test func failuresAndSuccessesCountInARow() {
        #expect(verdicts("+--+--", isAwaited: false).allSatisfy { $0 == .passing })
        #expect(verdicts("+---", isAwaited: false).last == .failing)
        #expect(verdicts("+---+-+", isAwaited: false).last == .failing)
        #expect(verdicts("+---++", isAwaited: false).last == .passing)
    }

    @Test func onlyChangesAreTold() {
        var health = health(isAwaited: false)
        let told = "++---++".map { health.record(passed: $0 == "+", check, started: 0) }
        #expect(told == [.passing, nil, nil, nil, .failing, nil, .passing])
    }

    @Test func theFirstProbeComesAtARandomMomentButSoon() {
        let now = 100 * Self.second
        #expect(health(isAwaited: false, lot: 2, now: now).due == now)
        let latest = health(isAwaited: false, lot: .max, now: now).due
        #expect(latest > now + Self.second / 2 && latest < now + CheckedHealth.firstSpread.nanosecondsForTest)
        var random = SystemRandomNumberGenerator()
        let dues = (0..<100).map { _ in CheckedHealth(check, isAwaited: true, now: now, using: &random).due }
        #expect(Set(dues).count > 50)
    }

    @Test func probesFollowEachOtherQuicklyWhileNothingIsKnown() {
        var health = health(isAwaited: false)
        _ = health.record(passed: false, check, started: Self.second)
        #expect(health.due == Self.second + CheckedHealth.hurry.nanosecondsForTest)
        _ = health.record(passed: true, check, started: 2 * Self.second)
        #expect(health.due == 4 * Self.second)
    }

    @Test func aProbeThatTheNodeCouldNotMakeSaysNothing() {
        var health = health(isAwaited: false)
        _ = health.record(passed: true, check, started: 0)
        for count in 1...10 { health.postpone(check, started: UInt64(count) * Self.second) }
        #expect(health.verdict == .passing && health.due == 12 * Self.second)
        #expect(health.record(passed: false, check, started: 0) == nil)
    }

    @Test func aProcessThatHangsIsNotReadyWhateverReadinessSays() {
        for verdict in [CheckedHealth.Verdict.unknown, .passing, .failing] {
            #expect(Readiness(readiness: verdict, liveness: .failing) == .unready)
        }
        #expect(Readiness(readiness: .passing, liveness: .unknown) == .ready)
        #expect(Readiness(readiness: .unknown, liveness: .passing) == .unknown)
        #expect(Readiness(readiness: .failing, liveness: .passing) == .unready)
        #expect(Readiness(readiness: nil, liveness: .passing) == .ready)
        #expect(Readiness(readiness: nil, liveness: nil) == .unknown)
    }
}

extension Duration {
    fileprivate var nanosecondsForTest: UInt64 {
        UInt64(components.seconds) * 1_000_000_000 + UInt64(components.attoseconds / 1_000_000_000)
    }
}
