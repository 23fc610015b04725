import MeshResilience
import Testing

struct IdleWatchTests {
    /// Looks at every moment that falls due until the watch says that nothing moves. - Returns: when that was; nil by `end`.
    private func cut(_ limit: UInt64, movesAt moments: [UInt64], end: UInt64 = 100_000) -> UInt64? {
        var watch = IdleWatch(limit: limit, count: 0, now: 0)
        while watch.due < end {
            let now = watch.due
            if watch.look(UInt64(moments.count { $0 <= now }), now: now) { return now }
        }
        return nil
    }

    @Test func cutsWhenTheLimitHasPassed() { #expect(cut(1000, movesAt: []) == 1000) }

    @Test func neverEarlyAndAtMostAQuarterLate() {
        for last in stride(from: 0 as UInt64, to: 3000, by: 37) {
            // Something moves often enough until then.
            let moments = stride(from: 0, to: last, by: 200) + [last]
            let moment = cut(1000, movesAt: Array(moments)) ?? 0
            #expect(moment >= last + 1000 && moment <= last + 1250, "last at \(last), cut at \(moment)")
        }
    }

    @Test func whatMovesIsNotCut() { #expect(cut(1000, movesAt: Array(stride(from: 0, to: 100_000, by: 900))) == nil) }

    @Test func withoutALimitNothingIsDue() {
        var watch = IdleWatch.off
        #expect(watch.due == .max && !watch.look(0, now: 1 << 60))
    }

    @Test func theSmallestLimitEnds() { #expect(cut(1, movesAt: []) == 1) }
}
