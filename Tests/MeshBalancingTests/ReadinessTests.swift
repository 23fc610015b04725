import MeshBalancing
import MeshTypes
import Testing

/// Endpoints that are not ready take no traffic while enough others are (R5.5, R4.2).
struct ReadinessTests {
    private func learn(_ bench: Bench, _ readiness: Readiness, _ numbers: Int..., for seconds: UInt64 = 1000) {
        for number in numbers {
            bench.balance.learn(
                readiness, of: SocketAddress("10.0.0.\(number):80")!, until: bench.now + seconds * Bench.second, now: bench.now)
        }
    }

    @Test(arguments: BalanceMethod.allCases)
    func theUnreadyTakeNothing(method: BalanceMethod) {
        let bench = Bench((1...3).map { Bench.endpoint($0) }, BalanceSettings(method: method))
        learn(bench, .unready, 2)
        #expect(Set(bench.shares(600).keys) == [1, 3])
    }

    @Test func whatIsHeardBeforeTheFirstCallCountsToo() {
        let bench = Bench([])
        learn(bench, .unready, 1)
        bench.balance.adopt((1...2).map { Bench.endpoint($0) }, BalanceSettings(), here: Bench.here, generation: 2, now: bench.now)
        #expect(Set(bench.shares(100).keys) == [2])
    }

    @Test func whatIsNotHeardAgainIsForgotten() {
        let bench = Bench((1...2).map { Bench.endpoint($0) })
        learn(bench, .unready, 1, for: 15)
        bench.now += 14 * Bench.second
        #expect(Set(bench.shares(100).keys) == [2])
        bench.now += Bench.second
        #expect(Set(bench.shares(100).keys) == [1, 2])
        #expect(bench.balance.status(now: bench.now).allSatisfy { $0.readiness == .unknown && $0.readinessAge == nil })
    }

    @Test func nothingKnownIsAsGoodAsReady() {
        let bench = Bench((1...2).map { Bench.endpoint($0) })
        learn(bench, .unready, 1)
        learn(bench, .unknown, 1)
        #expect(Set(bench.shares(100).keys) == [1, 2])
    }

    @Test func allAreUsedWhenHardlyAnyIsReady() {
        let bench = Bench((1...5).map { Bench.endpoint($0) })
        learn(bench, .unready, 1, 2, 3)
        #expect(Set(bench.shares(500).keys) == [4, 5], "40 % are ready")
        learn(bench, .unready, 4)
        #expect(Set(bench.shares(500).keys) == [1, 2, 3, 4, 5], "20 % are")
        learn(bench, .unready, 5)
        #expect(bench.shares(500).count == 5)
    }

    @Test func theOnlyEndpointIsUsedHoweverItIs() {
        let bench = Bench([Bench.endpoint(1)])
        learn(bench, .unready, 1)
        #expect(bench.choose()?.number == 1)
    }

    /// A retry does not go to an endpoint that is not ready because the one that is was tried already.
    @Test func triedEndpointsDoNotMakeItAPanic() throws {
        let bench = Bench((1...2).map { Bench.endpoint($0) })
        learn(bench, .unready, 2)
        var wish = EndpointWish()
        let (number, ticket) = try #require(bench.choose(wish))
        #expect(number == 1)
        wish.tried.insert(ticket)
        #expect(bench.choose(wish) == nil)
    }

    @Test func whoDialsOneGetsIt() {
        let bench = Bench((1...2).map { Bench.endpoint($0) })
        learn(bench, .unready, 2)
        var wish = EndpointWish()
        wish.address = SocketAddress("10.0.0.2:80")!
        #expect(bench.choose(wish)?.number == 2)
    }

    @Test func breakersArePassedOverBeforeReadinessIs() {
        let bench = Bench((1...4).map { Bench.endpoint($0) })
        learn(bench, .unready, 3, 4)
        _ = bench.shares(3) { _ in .unreachable }
        #expect(Set(bench.shares(100).keys) == [1, 2], "both breakers are open")
    }

    @Test func zonesSpillOverGradually() {
        let near = (1...4).map { Bench.endpoint($0, zone: "a") }
        let bench = Bench(near + (5...8).map { Bench.endpoint($0, zone: "b") })
        #expect(bench.shares(400).keys.allSatisfy { $0 <= 4 })
        learn(bench, .unready, 1, 2)
        let shares = bench.shares(4000)
        let far = shares.filter { $0.key > 4 }.values.reduce(0, +)
        #expect((1000...1400).contains(far), "half of the zone keeps 70 %: \(shares)")
        #expect(shares[1] == nil && shares[2] == nil)
    }

    @Test func whatBecomesReadyWarmsUp() {
        let bench = Bench((1...2).map { Bench.endpoint($0) }, BalanceSettings(method: .roundRobin))
        learn(bench, .unready, 1)
        _ = bench.shares(10)
        learn(bench, .ready, 1)
        #expect((bench.shares(1000)[1] ?? 0) < 200)
        bench.now += 11 * Bench.second
        #expect((400...600).contains(bench.shares(1000)[1] ?? 0))
        learn(bench, .ready, 1)
        #expect((400...600).contains(bench.shares(1000)[1] ?? 0), "to hear it again changes nothing")
    }

    @Test func statusTellsSinceWhen() throws {
        let bench = Bench((1...2).map { Bench.endpoint($0) })
        learn(bench, .unready, 1)
        bench.now += 3 * Bench.second
        learn(bench, .unready, 1)
        let status = try #require(bench.balance.status(now: bench.now).first)
        #expect(status.readiness == .unready && status.readinessAge == .seconds(3))
    }

    @Test func aNodeSparesItsUnreadyEndpointsUnlessHardlyAnyIsReady() {
        let bench = Bench((1...3).map { Bench.endpoint($0) })
        func spares(_ number: Int) -> Bool { bench.balance.spares(SocketAddress("10.0.0.\(number):80")!, now: bench.now) }
        #expect(!spares(1))
        learn(bench, .unready, 1)
        #expect(spares(1) && !spares(2) && !spares(9))
        learn(bench, .unready, 2, 3)
        #expect(!spares(1))
    }
}
