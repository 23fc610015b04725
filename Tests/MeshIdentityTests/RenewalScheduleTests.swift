import Foundation
import MeshIdentity
import Testing

@Suite struct RenewalScheduleTests {
    let start = Date(timeIntervalSince1970: 1_800_000_000)

    @Test func isDueAtHalfLifeGiveOrTakeATenth() {
        let end = start.addingTimeInterval(86400)
        for chance in stride(from: 0.0, to: 1, by: 0.01) {
            let due = RenewalSchedule.due(issued: start, notAfter: end, chance: chance).timeIntervalSince(start)
            #expect((0.4 * 86400 - 1...0.6 * 86400 + 1).contains(due))
        }
        let early = RenewalSchedule.due(issued: start, notAfter: end, chance: 0)
        #expect(early < RenewalSchedule.due(issued: start, notAfter: end, chance: 0.9))
    }

    @Test func triesAgainEverLaterUpToABound() {
        var previous: TimeInterval = 0
        for failures in 1...40 {
            let pause = RenewalSchedule.retry(failures: failures, now: start, notAfter: nil, chance: 1).timeIntervalSince(start)
            #expect(pause >= previous && pause <= RenewalSchedule.longestRetry)
            previous = pause
        }
        #expect(previous == RenewalSchedule.longestRetry)
    }

    @Test func triesOftenWhenLittleIsLeft() {
        let end = start.addingTimeInterval(80)
        let pause = RenewalSchedule.retry(failures: 20, now: start, notAfter: end, chance: 1).timeIntervalSince(start)
        #expect(pause <= 10)
        let late = RenewalSchedule.retry(failures: 20, now: end.addingTimeInterval(60), notAfter: end, chance: 1)
        #expect(late.timeIntervalSince(end) <= 61)
    }
}
