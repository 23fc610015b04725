import MeshAuthority
import Testing

@Suite struct RequestRatesTests {
    @Test func admitsABurstAndThenARate() {
        var rates = RequestRates(burst: 3, rate: 2, capacity: 10)
        let first = (0..<5).map { _ in rates.admit("a", now: 0) }
        #expect(first == [true, true, true, false, false])
        let soon = [0.4, 0.6].map { rates.admit("a", now: $0) }
        #expect(soon == [false, true])
        let later = (0..<4).map { _ in rates.admit("a", now: 100) }
        #expect(later == [true, true, true, false])
    }

    @Test func oneDoesNotPayForAnother() {
        var rates = RequestRates(burst: 1, rate: 1, capacity: 10)
        let admitted = ["a", "a", "b"].map { rates.admit($0, now: 0) }
        #expect(admitted == [true, false, true])
    }

    @Test func forgetsWhoIsIdleAndRefusesStrangersAtTheBound() {
        var rates = RequestRates(burst: 1, rate: 1, capacity: 2)
        let known = ["a", "b"].map { rates.admit($0, now: 0) }
        #expect(known == [true, true])
        let early = rates.admit("c", now: 0.5)
        #expect(!early, "both are remembered for something")
        let late = rates.admit("c", now: 5)
        #expect(late, "both have been idle since")
    }
}

@Suite struct ServerChoiceTests {
    @Test func asksInOrderAndStaysWithWhoAnswers() {
        var choice = ServerChoice(count: 3)
        let now = ContinuousClock.now
        #expect(choice.order(now: now) == [0, 1, 2])
        choice.answered(1)
        #expect(choice.order(now: now) == [1, 2, 0])
    }

    @Test func pausesLongerAndLongerUpToACap() {
        var choice = ServerChoice(count: 2)
        let now = ContinuousClock.now
        choice.noneAnswered(now: now, chance: 0.999)
        #expect(choice.order(now: now) == [])
        #expect(choice.order(now: now + ServerChoice.firstPause) == [0, 1])
        for _ in 0..<100 { choice.noneAnswered(now: now, chance: 0.999) }
        #expect(choice.order(now: now + ServerChoice.longestPause / 2) == [])
        #expect(choice.order(now: now + ServerChoice.longestPause) == [0, 1])
        choice.answered(0)
        #expect(choice.order(now: now) == [0, 1])
    }
}
