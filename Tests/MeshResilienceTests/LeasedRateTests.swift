import MeshResilience
import Testing

struct LeasedRateTests {
    private let millisecond: UInt64 = 1_000_000
    /// 32,000/s: 1000 may be held ahead.
    private let wide = LeaseShape(requests: 32_000, per: 1_000_000_000, burst: 32_000)
    /// 20/s: nothing is held ahead.
    private let narrow = LeaseShape(requests: 20, per: 1_000_000_000, burst: 20)

    @Test func theBoundIsAPartOfTheBurst() {
        #expect(wide.ahead == 1000 && narrow.ahead == 0)
        #expect(LeaseShape(requests: 500, per: 60_000_000_000, burst: 500).ahead == 15)
        // Between two questions no more comes free than the next one may bring.
        #expect(narrow.rest == 0)
        #expect(LeaseShape(requests: 10_000, per: 1_000_000_000, burst: 64).rest == 200_000)
        #expect(LeaseShape(requests: 500, per: 60_000_000_000, burst: 500).rest == 10 * millisecond)
    }

    @Test func nothingIsSpentThatWasNotLeased() {
        var rate = LeasedRate<Int>()
        for ticket in 1...3 { #expect(rate.arrive(ticket, now: 0) == .waits) }
        #expect(rate.order(narrow, now: 0) == 3)
        // One order at a time.
        #expect(rate.arrive(4, now: 1) == .waits)
        #expect(rate.order(narrow, now: 1) == nil)
        let (admitted, refused) = rate.settle(tokens: 3, wait: 0, narrow, now: 2)
        #expect(admitted == [1, 2, 3] && refused.isEmpty)
        #expect(rate.order(narrow, now: 3) == 1)
        #expect(rate.settle(tokens: 1, wait: 0, narrow, now: 4).admitted == [4])
    }

    @Test func whatIsUsedUpIsRefusedUntilTheTimeThatWasSaid() {
        var rate = LeasedRate<Int>()
        for ticket in 1...3 { _ = rate.arrive(ticket, now: 0) }
        _ = rate.order(narrow, now: 0)
        let (admitted, refused) = rate.settle(tokens: 1, wait: 50 * millisecond, narrow, now: 0)
        #expect(admitted == [1] && refused == [2, 3])
        #expect(rate.arrive(4, now: 10 * millisecond) == .refused(wait: 40 * millisecond))
        #expect(!rate.needsOrder(narrow, now: 10 * millisecond))
        #expect(rate.arrive(5, now: 50 * millisecond) == .waits)
        #expect(rate.needsOrder(narrow, now: 50 * millisecond))
    }

    @Test func moreIsLeasedTheMoreIsUsedButWithinTheBound() {
        var rate = LeasedRate<Int>()
        var now = millisecond
        // The first one alone is no reason to hold any.
        _ = rate.arrive(0, now: now)
        #expect(rate.order(wide, now: now) == 1)
        _ = rate.settle(tokens: 1, wait: 0, wide, now: now)
        var largest = 0
        var orders = 0
        for ticket in 1...40_000 {
            // Two workers, whose clocks are read at slightly different moments.
            now += ticket.isMultiple(of: 2) ? 60_000 : 0
            now -= ticket.isMultiple(of: 2) ? 0 : 10_000
            _ = rate.arrive(ticket, now: now)
            guard let tokens = rate.order(wide, now: now) else { continue }
            orders += 1
            _ = rate.settle(tokens: tokens, wait: 0, wide, now: now)
            largest = max(largest, rate.unspent(now: now))
            #expect(rate.unspent(now: now) <= wide.ahead)
        }
        #expect(largest == wide.ahead)
        #expect(orders < 150, "\(orders) orders for 40,000 requests in a second")
    }

    @Test func whatIsNotSpentLapses() {
        var rate = LeasedRate<Int>()
        _ = rate.arrive(1, now: 0)
        _ = rate.order(wide, now: 0)
        _ = rate.settle(tokens: 5, wait: 0, wide, now: 0)
        #expect(rate.unspent(now: 1) == 4)
        let lapse = LeasedRate<Int>.lapse
        #expect(rate.arrive(2, now: lapse - 1) == .admitted)
        #expect(rate.arrive(3, now: lapse) == .waits)
        #expect(rate.unspent(now: lapse) == 0 && rate.lapsed == 3)
    }

    @Test func noTokenLivesLongerThanItsLease() {
        var rate = LeasedRate<Int>()
        // More comes all the time; what is in hand never grows older than a lease.
        for step in 0..<50 {
            let now = UInt64(step) * 100 * millisecond
            _ = rate.arrive(step, now: now)
            if let tokens = rate.order(wide, now: now) { _ = rate.settle(tokens: tokens + 2, wait: 0, wide, now: now) }
        }
        #expect(rate.unspent(now: 4900 * millisecond + LeasedRate<Int>.lapse) == 0)
    }

    @Test func whoWaitsForAnAnswerThatDoesNotComeIsHandedBack() {
        var rate = LeasedRate<Int>()
        for ticket in 1...2 { _ = rate.arrive(ticket, now: 0) }
        _ = rate.order(narrow, now: 0)
        #expect(rate.fail() == [1, 2])
        #expect(rate.isFresh(now: 0))
    }

    @Test func noMoreWaitThanTheBound() {
        var rate = LeasedRate<Int>()
        for ticket in 0..<LeasedRate<Int>.maximumWaiting { #expect(rate.arrive(ticket, now: 0) == .waits) }
        #expect(rate.arrive(-1, now: 0) == .refused(wait: LeasedRate<Int>.lapse))
    }
}
