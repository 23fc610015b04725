import MeshResilience
import Testing

struct CircuitBreakerTests {
    private let settings = Sensitivity.normal.settings
    private let second: UInt64 = 1_000_000_000

    private func attempt(_ breaker: inout CircuitBreaker, succeeds: Bool, at now: UInt64) -> [CircuitBreaker.Change] {
        [breaker.begin(now: now), breaker.end(succeeded: succeeds, latency: 1, settings, now: now)].compactMap(\.self)
    }

    @Test func failuresInARowOpenIt() {
        var breaker = CircuitBreaker()
        for count in 1..<settings.consecutive { #expect(attempt(&breaker, succeeds: false, at: UInt64(count)) == []) }
        #expect(attempt(&breaker, succeeds: false, at: 10) == [.opened])
        #expect(!breaker.admits(settings, now: 11))
        #expect(breaker.wait(now: 10) == settings.firstCooling)
    }

    @Test func aSuccessBetweenFailuresKeepsItClosed() {
        var breaker = CircuitBreaker()
        for count in 1...9 { #expect(attempt(&breaker, succeeds: count % 3 == 0, at: UInt64(count)) == []) }
    }

    @Test func theShareOfFailuresOpensIt() {
        var breaker = CircuitBreaker()
        var changes: [CircuitBreaker.Change] = []
        for count in 0..<settings.volume { changes += attempt(&breaker, succeeds: count % 2 == 0, at: UInt64(count)) }
        #expect(changes == [.opened])
    }

    /// Workers read their clocks at slightly different moments.
    @Test func aMomentThatComesOutOfOrderForgetsNothing() {
        var breaker = CircuitBreaker()
        var changes: [CircuitBreaker.Change] = []
        for count in 0..<settings.volume {
            changes += attempt(&breaker, succeeds: count % 2 == 0, at: 10 * second - UInt64(count % 3) * 1000)
        }
        #expect(changes == [.opened])
    }

    @Test func oldFailuresDoNotCount() {
        var breaker = CircuitBreaker()
        for count in 0..<settings.volume - 1 { _ = attempt(&breaker, succeeds: count % 2 == 0, at: second) }
        #expect(attempt(&breaker, succeeds: false, at: second + BreakerSettings.window + second) == [])
    }

    @Test func afterCoolingOffAFewProbesCloseIt() {
        var breaker = CircuitBreaker()
        _ = breaker.open(settings, now: second)
        let after = second + settings.firstCooling
        #expect(breaker.admits(settings, now: after))
        #expect(breaker.begin(now: after) == .probing)
        for _ in 1..<settings.probes { #expect(breaker.begin(now: after) == nil) }
        #expect(!breaker.admits(settings, now: after), "no more than the probes pass")
        for _ in 1..<settings.probes { #expect(breaker.end(succeeded: true, latency: 1, settings, now: after) == nil) }
        #expect(breaker.end(succeeded: true, latency: 1, settings, now: after) == .closed)
        #expect(breaker.isClosed)
    }

    @Test func aFailedProbeOpensItForTwiceAsLong() {
        var breaker = CircuitBreaker()
        _ = breaker.open(settings, now: second)
        let after = second + settings.firstCooling
        #expect(attempt(&breaker, succeeds: false, at: after) == [.probing, .opened])
        #expect(breaker.wait(now: after) == 2 * settings.firstCooling)
    }

    @Test func aProbeOfWhichNothingIsKnownMakesRoomForAnother() {
        var breaker = CircuitBreaker()
        _ = breaker.open(settings, now: second)
        let after = second + settings.firstCooling
        for _ in 0..<settings.probes { _ = breaker.begin(now: after) }
        #expect(!breaker.admits(settings, now: after))
        #expect(breaker.end(succeeded: nil, latency: 0, settings, now: after) == nil)
        #expect(breaker.admits(settings, now: after))
    }

    @Test func coolingOffIsBounded() {
        var breaker = CircuitBreaker()
        var now = second
        for _ in 0..<40 {
            _ = breaker.open(settings, now: now)
            #expect(breaker.wait(now: now) <= BreakerSettings.longestCooling)
            now += breaker.wait(now: now)
        }
    }
}

struct RateLimiterTests {
    private let minute: UInt64 = 60_000_000_000

    @Test func allOfAPeriodMayComeAtOnceAndNotOneMore() {
        var limiter = RateLimiter()
        for left in (0..<500).reversed() { #expect(limiter.admit(500, per: minute, burst: 500, now: 1) == .admitted(left: left)) }
        #expect(limiter.admit(500, per: minute, burst: 500, now: 1) == .refused(wait: minute / 500))
        #expect(limiter.admit(500, per: minute, burst: 500, now: 1 + minute / 500) == .admitted(left: 0))
    }

    @Test func aBurstBoundsWhatComesAtOnce() {
        var limiter = RateLimiter()
        var admitted = 0
        for _ in 0..<100 { if case .admitted = limiter.admit(600, per: minute, burst: 10, now: 5) { admitted += 1 } }
        #expect(admitted == 10)
    }
}

struct RetryBudgetTests {
    @Test func aFifthOfTheLiveRequestsAndTenAlways() {
        var budget = RetryBudget()
        budget.begin()
        #expect((0..<11).map { _ in budget.takeRetry() } == Array(repeating: true, count: 10) + [false])
        for _ in 0..<99 { budget.begin() }
        #expect((0..<18).map { _ in budget.takeRetry() }.count { $0 } == 10)
        budget.end(wasRetried: true)
        #expect(budget.requests == 99 && budget.retries == 19)
    }
}
