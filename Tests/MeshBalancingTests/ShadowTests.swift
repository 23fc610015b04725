import MeshBalancing
import MeshResilience
import MeshTypes
import Testing

/// Copies of requests (R4.4) weigh on endpoints as others do, and say nothing of them.
struct ShadowTests {
    private static func shadow(version: String = "") -> EndpointWish {
        var wish = EndpointWish()
        wish.isShadow = true
        wish.version = StableHash.of(version)
        return wish
    }

    @Test func whatBecomesOfACopyTeachesNothing() {
        let bench = Bench([Bench.endpoint(1), Bench.endpoint(2)])
        for _ in 0..<200 {
            let request = bench.request(Self.shadow()) { $0 == 1 ? .failed : .unreachable }
            #expect(request?.events.isEmpty == true)
        }
        #expect(bench.balance.breakerName(now: bench.now) == .closed)
        #expect(bench.balance.status(now: bench.now).allSatisfy { $0.state == .closed && $0.outstanding == 0 && $0.latency == .zero })
    }

    @Test func aCopyIsLoadLikeAnyOther() throws {
        let bench = Bench([Bench.endpoint(1, version: "v1"), Bench.endpoint(2, version: "v2")])
        let copy = try #require(bench.choose(Self.shadow(version: "v2")))
        #expect(copy.number == 2)
        for _ in 0..<5 { #expect(bench.request()?.number == 1, "the other one has less to do") }
        bench.balance.release(copy.ticket)
        #expect(bench.shares(10) == [1: 5, 2: 5])
    }

    @Test func aCopyTakesNobodysProbe() throws {
        let settings = BalanceSettings(method: .leastOutstanding, breaker: .high)
        let bench = Bench([Bench.endpoint(1), Bench.endpoint(2), Bench.endpoint(3)], settings)
        for _ in 0..<20 { bench.request { $0 == 1 ? .failed : .succeeded } }
        #expect(bench.balance.status(now: bench.now).map(\.state) == [.open, .closed, .closed])
        bench.now += Sensitivity.high.settings.firstCooling
        for _ in 0..<20 { #expect(bench.choose(Self.shadow())?.number != 1) }
        #expect(bench.balance.status(now: bench.now)[0].state == .halfOpen, "its probe is still to be had")
        #expect(bench.balance.status(now: bench.now)[0].outstanding == 0)
    }

    @Test func noCopyGoesToAServiceWhoseBreakerIsNotClosed() {
        let settings = BalanceSettings(method: .leastOutstanding, breaker: .high)
        let bench = Bench([Bench.endpoint(1)], settings)
        for _ in 0..<20 { bench.request { _ in .failed } }
        #expect(bench.balance.breakerName(now: bench.now) == .open && bench.choose(Self.shadow()) == nil)
        bench.now += Sensitivity.high.settings.firstCooling
        #expect(bench.choose(Self.shadow()) == nil)
        #expect(bench.request()?.number == 1, "the probe is a caller's")
        #expect(bench.balance.breakerName(now: bench.now) == .closed && bench.choose(Self.shadow()) != nil)
    }
}
