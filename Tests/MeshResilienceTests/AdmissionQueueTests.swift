import MeshResilience
import Testing

struct AdmissionQueueTests {
    private let long = UInt64.max / 2
    private let millisecond: UInt64 = 1_000_000

    private func bounds(_ concurrency: Int = 1, limit: Int = 100, wait: UInt64 = .max / 2) -> QueueBounds {
        QueueBounds(concurrency: concurrency, limit: limit, wait: wait)
    }

    @Test func beyondTheConcurrencyTheyWaitInOrder() {
        var queue = AdmissionQueue<Int>()
        let bounds = bounds(limit: 2)
        #expect(queue.arrive(1, of: 7, bounds, timeLeft: long, now: 0) == .admitted)
        #expect(queue.arrive(2, of: 7, bounds, timeLeft: long, now: 0) == .queued)
        #expect(queue.arrive(3, of: 7, bounds, timeLeft: long, now: 0) == .queued)
        guard case .refused = queue.arrive(4, of: 7, bounds, timeLeft: long, now: 0) else {
            Issue.record("a full queue took one more")
            return
        }
        #expect(queue.leave(took: 1, bounds, now: 1).admitted == [2])
        #expect(queue.leave(took: 1, bounds, now: 2).admitted == [3])
        #expect(queue.leave(took: 1, bounds, now: 3).admitted == [])
        #expect(queue.active == 0 && queue.waiting == 0)
    }

    @Test func callersTakeTurns() {
        var queue = AdmissionQueue<String>()
        _ = queue.arrive("first", of: 1, bounds(), timeLeft: long, now: 0)
        for number in 0..<3 { _ = queue.arrive("greedy \(number)", of: 1, bounds(), timeLeft: long, now: 0) }
        _ = queue.arrive("modest", of: 2, bounds(), timeLeft: long, now: 0)
        var order: [String] = []
        for _ in 0..<4 { order += queue.leave(took: nil, bounds(), now: 0).admitted }
        #expect(order == ["greedy 0", "modest", "greedy 1", "greedy 2"])
    }

    @Test func oneThatGivesUpIsPassedOver() {
        var queue = AdmissionQueue<Int>()
        for ticket in 1...3 { _ = queue.arrive(ticket, of: 1, bounds(), timeLeft: long, now: 0) }
        #expect(queue.withdraw(of: 1) { $0 == 2 })
        #expect(!queue.withdraw(of: 1) { $0 == 2 })
        #expect(queue.leave(took: 1, bounds(), now: 1).admitted == [3])
        #expect(queue.waiting == 0)
    }

    @Test func whoseTurnWouldComeTooLateIsRefusedAtOnce() {
        var queue = AdmissionQueue<Int>()
        // One takes 100 ms.
        _ = queue.arrive(0, of: 1, bounds(), timeLeft: long, now: 0)
        _ = queue.leave(took: 100 * millisecond, bounds(), now: 0)
        _ = queue.arrive(1, of: 1, bounds(), timeLeft: long, now: 0)
        for ticket in 2...4 { #expect(queue.arrive(ticket, of: 1, bounds(), timeLeft: 350 * millisecond, now: 0) == .queued) }
        #expect(queue.arrive(5, of: 1, bounds(), timeLeft: 350 * millisecond, now: 0) == .refused(wait: 400 * millisecond))
        // Another caller's turn comes sooner.
        #expect(queue.arrive(6, of: 2, bounds(), timeLeft: 350 * millisecond, now: 0) == .queued)
    }

    @Test func aFullQueueTakesFromWhoeverHasMostInIt() {
        var queue = AdmissionQueue<String>()
        let bounds = bounds(limit: 3)
        _ = queue.arrive("first", of: 1, bounds, timeLeft: long, now: 0)
        for number in 0..<3 { _ = queue.arrive("greedy \(number)", of: 1, bounds, timeLeft: long, now: 0) }
        #expect(queue.arrive("modest", of: 2, bounds, timeLeft: long, now: 0) == .queuedInsteadOf("greedy 2"))
        // With one and two waiting, neither has too many.
        #expect(queue.arrive("modest 1", of: 2, bounds, timeLeft: long, now: 0) == .refused(wait: 1))
        #expect(queue.arrive("greedy 3", of: 1, bounds, timeLeft: long, now: 0) == .refused(wait: 1))
        #expect(queue.waiting == 3)
    }

    // MARK: Standing queues

    /// A service of one place that takes 10 ms each, simulated event by event.
    private struct Simulation {
        struct Request: Hashable {
            let caller: UInt64
            let at: UInt64
        }

        var queue = AdmissionQueue<Request>()
        let bounds = QueueBounds(concurrency: 1, limit: 1000, wait: 1_000_000_000)
        let service: UInt64 = 10_000_000
        var now: UInt64 = 1
        private var ends: UInt64?
        /// Of each caller: waits of admitted ones with the time of admission, refusals of each kind.
        var admitted: [UInt64: [(at: UInt64, waited: UInt64)]] = [:]
        var shed: [UInt64: Int] = [:]
        var full: [UInt64: Int] = [:]

        private mutating func admit(_ request: Request) {
            admitted[request.caller, default: []].append((now, now - request.at))
            ends = now + service
        }

        private mutating func finishUntil(_ time: UInt64) {
            while let end = ends, end <= time {
                now = end
                ends = nil
                let (next, old) = queue.leave(took: service, bounds, now: now)
                for request in next { admit(request) }
                for request in old { shed[request.caller, default: 0] += 1 }
            }
            now = max(now, time)
        }

        mutating func arrive(_ caller: UInt64, at time: UInt64) {
            finishUntil(time)
            let request = Request(caller: caller, at: now)
            switch queue.arrive(request, of: caller, bounds, timeLeft: 3_000_000_000, now: now) {
            case .admitted: admit(request)
            case .queued: break
            case .queuedInsteadOf(let other): full[other.caller, default: 0] += 1
            case .refused: full[caller, default: 0] += 1
            case .shed: shed[caller, default: 0] += 1
            }
        }

        /// - Parameter intervals: nanoseconds between two requests, by caller.
        mutating func run(for duration: UInt64, _ intervals: [UInt64: UInt64]) {
            let end = now + duration
            var next = intervals.mapValues { now + $0 }
            while let (caller, time) = next.min(by: { ($0.value, $0.key) < ($1.value, $1.key) }), time < end {
                arrive(caller, at: time)
                next[caller] = time + intervals[caller]!
            }
            finishUntil(end)
        }

        func longestWait(of caller: UInt64, after time: UInt64) -> UInt64 {
            admitted[caller, default: []].filter { $0.at >= time }.map(\.waited).max() ?? 0
        }
    }

    @Test func aBurstIsAbsorbed() {
        var simulation = Simulation()
        // 60 at once every 700 ms, which takes 600 ms to answer: not a target's 100, but over before an interval is.
        for burst in 0..<5 { for _ in 0..<60 { simulation.arrive(1, at: UInt64(burst) * 700 * millisecond + 1) } }
        simulation.run(for: 1000 * millisecond, [:])
        #expect(simulation.admitted[1]?.count == 300)
        #expect(simulation.shed.isEmpty && simulation.full.isEmpty)
    }

    @Test func aStandingQueueIsCutDownToTheTarget() {
        var simulation = Simulation()
        // Twice what it can answer.
        simulation.run(for: 10_000 * millisecond, [1: 5 * millisecond])
        #expect(simulation.longestWait(of: 1, after: 0) > 500 * millisecond)
        let settled = 2500 * millisecond
        #expect(simulation.longestWait(of: 1, after: settled) <= simulation.bounds.target + simulation.service)
        // The service stays busy all the time, and the rest is refused.
        let answered = simulation.admitted[1, default: []].count
        #expect(answered >= 995)
        #expect(simulation.shed[1, default: 0] + simulation.full[1, default: 0] + answered >= 1980)
        // Before it was found standing, it was full for a moment.
        #expect(simulation.full[1, default: 0] < 100)
    }

    @Test func callersThatAskForLessThanTheirShareAreNotShed() {
        var simulation = Simulation()
        // One floods with 500/s; two others ask for 20/s each of the 100/s there are.
        simulation.run(for: 10_000 * millisecond, [1: 2 * millisecond, 2: 50 * millisecond, 3: 49 * millisecond])
        for caller: UInt64 in [2, 3] {
            #expect(simulation.shed[caller] == nil && simulation.full[caller] == nil)
            #expect(simulation.longestWait(of: caller, after: 0) <= 4 * simulation.service)
        }
        #expect(simulation.longestWait(of: 1, after: 2500 * millisecond) <= 2 * simulation.bounds.target)
        #expect(simulation.shed[1, default: 0] > 3000)
        #expect(simulation.admitted.values.map(\.count).reduce(0, +) >= 995)
    }

    /// Workers' clocks are read at slightly different moments.
    @Test func aMomentThatComesOutOfOrderIsNoReasonToEnd() {
        var simulation = Simulation()
        simulation.run(for: 4000 * millisecond, [1: 5 * millisecond])
        let before = simulation.shed[1, default: 0]
        #expect(before > 0)
        for _ in 0..<200 {
            simulation.run(for: 10 * millisecond, [1: 5 * millisecond])
            simulation.arrive(1, at: simulation.now)
            // A caller of another worker, whose turn began a moment earlier.
            simulation.now -= 1000
            simulation.arrive(1, at: simulation.now)
        }
        #expect(simulation.longestWait(of: 1, after: 4000 * millisecond) <= simulation.bounds.target + simulation.service)
    }

    @Test func itEndsWhenTheOverloadDoes() {
        var simulation = Simulation()
        simulation.run(for: 4000 * millisecond, [1: 5 * millisecond])
        simulation.run(for: 2000 * millisecond, [1: 50 * millisecond])
        let before = simulation.shed[1]
        // A burst is absorbed again.
        for _ in 0..<60 { simulation.arrive(1, at: simulation.now) }
        simulation.run(for: 1000 * millisecond, [:])
        #expect(simulation.shed[1] == before)
    }

    @Test func oneThatTakesLongerThanTheTargetMayWaitForIt() {
        var queue = AdmissionQueue<Int>()
        // Runs of 2 s each, one after the other, of a queue whose target would be 1 s: there is always one waiting, but never more.
        let bounds = bounds(wait: 10_000 * millisecond)
        var now: UInt64 = 1
        #expect(queue.arrive(0, of: 1, bounds, timeLeft: long, now: now) == .admitted)
        for run in 1...30 {
            #expect(queue.arrive(run, of: 1, bounds, timeLeft: long, now: now + 1) == .queued)
            now += 2000 * millisecond
            let (admitted, shed) = queue.leave(took: 2000 * millisecond, bounds, now: now)
            #expect(admitted == [run] && shed.isEmpty)
        }
    }
}
