import MeshBalancing
import MeshResilience
import MeshTypes
import Testing

/// A service's balance with what a test does to it.
final class Bench {
    static let second: UInt64 = 1_000_000_000
    static let here = Locality(region: "r", zone: "a", node: "n1")

    var balance = ServiceBalance(firstUnreachable: Bench.second)
    var random = FastRandom(seed: 1)
    var now = 100 * Bench.second

    init(_ endpoints: [Endpoint], _ settings: BalanceSettings = BalanceSettings()) {
        balance.adopt(endpoints, settings, here: Self.here, generation: 1, now: now)
    }

    static func endpoint(_ number: Int, zone: String = "a", node: String = "n9", version: String = "", weight: Int = 1) -> Endpoint {
        Endpoint(
            address: SocketAddress("10.0.0.\(number):80")!, locality: Locality(region: "r", zone: zone, node: node), version: version,
            weight: weight, tunnel: SocketAddress("10.9.0.1:15008")!)
    }

    func choose(_ wish: EndpointWish = EndpointWish()) -> (number: Int, ticket: EndpointTicket)? {
        guard case .chosen(let endpoint, let ticket) = balance.choose(wish, now: now, using: &random).choice else { return nil }
        return (Int("\(endpoint.address)".split(separator: ":")[0].split(separator: ".")[3])!, ticket)
    }

    /// One request from start to end. - Returns: the endpoint's number and what the breakers did.
    @discardableResult
    func request(
        _ wish: EndpointWish = EndpointWish(), latency: UInt64 = 1_000_000, outcome: (Int) -> AttemptOutcome = { _ in .succeeded }
    ) -> (number: Int, events: [BreakerEvent])? {
        guard let (number, chosen) = choose(wish) else { return nil }
        var ticket = chosen
        let events = balance.judge(&ticket, outcome(number), latency: latency, now: now)
        balance.release(ticket)
        return (number, events)
    }

    /// How many of `count` requests each endpoint gets.
    func shares(_ count: Int, outcome: (Int) -> AttemptOutcome = { _ in .succeeded }) -> [Int: Int] {
        var shares: [Int: Int] = [:]
        for _ in 0..<count {
            if let (number, _) = request(outcome: outcome) { shares[number, default: 0] += 1 }
        }
        return shares
    }
}

struct BalanceMethodTests {
    @Test(arguments: BalanceMethod.allCases.filter { $0 != .hash })
    func equalsShareEqually(method: BalanceMethod) throws {
        let bench = Bench((1...4).map { Bench.endpoint($0) }, BalanceSettings(method: method))
        let shares = bench.shares(4000)
        for number in 1...4 { #expect((800...1200).contains(try #require(shares[number])), "\(method): \(shares)") }
    }

    @Test(arguments: [BalanceMethod.roundRobin, .leastOutstanding])
    func weightsCount(method: BalanceMethod) throws {
        let bench = Bench([Bench.endpoint(1, weight: 3), Bench.endpoint(2, weight: 1)], BalanceSettings(method: method))
        // Outstanding requests show the weights of least_outstanding: they are kept open.
        var shares: [Int: Int] = [:]
        for _ in 0..<400 { shares[try #require(bench.choose()).number, default: 0] += 1 }
        #expect((270...330).contains(shares[1] ?? 0), "\(shares)")
    }

    @Test func theLeastBusyIsTaken() throws {
        let bench = Bench((1...3).map { Bench.endpoint($0) })
        let first = try #require(bench.choose()).number
        let second = try #require(bench.choose()).number
        let third = try #require(bench.choose()).number
        #expect(Set([first, second, third]).count == 3)
    }

    @Test func theSlowOneGetsLessWithPeakEWMA() throws {
        let bench = Bench((1...2).map { Bench.endpoint($0) }, BalanceSettings(method: .peakEWMA, breaker: .low))
        var shares: [Int: Int] = [:]
        for _ in 0..<500 {
            guard let (number, chosen) = bench.choose() else { continue }
            var ticket = chosen
            _ = bench.balance.judge(&ticket, .succeeded, latency: number == 1 ? 5_000_000 : 1_000_000, now: bench.now)
            bench.balance.release(ticket)
            shares[number, default: 0] += 1
        }
        #expect((shares[2] ?? 0) > 4 * (shares[1] ?? 0), "\(shares)")
    }

    @Test func aKeyStaysWhereItIsAndMovesOnlyWhenItMust() throws {
        let endpoints = (1...5).map { Bench.endpoint($0) }
        let whole = Bench(endpoints, BalanceSettings(method: .hash))
        let without3 = Bench(endpoints.filter { $0 != endpoints[2] }, BalanceSettings(method: .hash))
        var counts: [Int: Int] = [:]
        for key in UInt64(1)...1000 {
            var wish = EndpointWish()
            wish.key = StableHash.of("user-\(key)")
            let place = try #require(whole.request(wish)).number
            #expect(whole.request(wish)?.number == place)
            if place != 3 { #expect(without3.request(wish)?.number == place) }
            counts[place, default: 0] += 1
        }
        for number in 1...5 { #expect((140...260).contains(counts[number] ?? 0), "\(counts)") }
    }

    @Test func aVersionIsKept() throws {
        let bench = Bench([Bench.endpoint(1, version: "v1"), Bench.endpoint(2, version: "v2"), Bench.endpoint(3, version: "v2")])
        var wish = EndpointWish()
        wish.version = StableHash.of("v2")
        for _ in 0..<50 { #expect([2, 3].contains(try #require(bench.request(wish)).number)) }
        wish.version = StableHash.of("v3")
        #expect(bench.request(wish) == nil)
    }

    @Test func aTriedOneIsNotTakenAgainAndANamedOneIsTakenWhateverIsKnown() throws {
        let bench = Bench((1...2).map { Bench.endpoint($0) })
        var wish = EndpointWish()
        let (first, ticket) = try #require(bench.choose(wish))
        wish.tried.insert(ticket)
        let (second, other) = try #require(bench.choose(wish))
        #expect(first != second)
        wish.tried.insert(other)
        #expect(bench.choose(wish) == nil)
        bench.request { _ in .unreachable }
        var named = EndpointWish()
        named.address = Bench.endpoint(1).address
        #expect(bench.request(named)?.number == 1)
    }
}

struct LocalityTests {
    /// Two here, two in the zone next door.
    private let endpoints = [
        Bench.endpoint(1), Bench.endpoint(2), Bench.endpoint(3, zone: "b"), Bench.endpoint(4, zone: "b"),
    ]

    @Test func theNearestTakeAllWhileTheyAreWell() {
        let bench = Bench(endpoints)
        #expect(Set(bench.shares(200).keys) == [1, 2])
    }

    /// Also of requests that come one after the other, where all are equally idle.
    @Test(arguments: [BalanceMethod.leastOutstanding, .roundRobin])
    func theNearestShareEquallyWhereverTheyStandInTheList(method: BalanceMethod) {
        let far = (3...8).map { Bench.endpoint($0, zone: "b") }
        let near = [Bench.endpoint(1), Bench.endpoint(2)]
        for endpoints in [near + far, far + near, [near[0]] + far + [near[1]]] {
            var settings = BalanceSettings()
            settings.method = method
            let shares = Bench(endpoints, settings).shares(400)
            #expect(shares.count == 2 && shares.values.allSatisfy { (190...210).contains($0) }, "\(shares)")
        }
    }

    @Test func halfIllTheySpillOverGraduallyAndComeBack() throws {
        let bench = Bench(endpoints)
        // One of the two is unreachable: 1.4 × 50 % = 70 % stay.
        while try #require(bench.request { $0 == 1 ? .unreachable : .succeeded }).number != 1 {}
        let shares = bench.shares(2000)
        #expect(shares[1] == nil)
        #expect((1300...1500).contains(shares[2] ?? 0), "\(shares)")
        #expect((500...700).contains((shares[3] ?? 0) + (shares[4] ?? 0)), "\(shares)")
        bench.now += 30 * Bench.second
        #expect(Set(bench.shares(200).keys).isSuperset(of: [1, 2]))
        bench.now += 30 * Bench.second
        #expect(Set(bench.shares(200).keys) == [1, 2])
    }

    @Test func aDeadZoneIsLeftAltogether() {
        let bench = Bench(endpoints)
        _ = bench.shares(20) { $0 <= 2 ? .unreachable : .succeeded }
        #expect(Set(bench.shares(200).keys) == [3, 4])
    }

    @Test func withHardlyAnyWellAllAreUsed() {
        let bench = Bench((1...4).map { Bench.endpoint($0) }, BalanceSettings(breaker: .low))
        _ = bench.shares(30) { _ in .unreachable }
        #expect(Set(bench.shares(400).keys) == [1, 2, 3, 4])
    }
}

struct EjectionTests {
    @Test func anEndpointThatFailsIsPassedOverAndComesBackSlowly() throws {
        let bench = Bench((1...4).map { Bench.endpoint($0) })
        let before = bench.shares(200) { $0 == 2 ? .failed : .succeeded }
        #expect((before[2] ?? 0) == 5, "after five failures in a row it gets nothing: \(before)")
        #expect(bench.shares(200)[2] == nil)
        #expect(bench.balance.status(now: bench.now).map(\.state) == [.closed, .open, .closed, .closed])
        bench.now += Sensitivity.normal.settings.firstCooling
        #expect((bench.shares(100)[2] ?? 0) > 0)
        #expect(bench.balance.status(now: bench.now).map(\.state) == [.closed, .closed, .closed, .closed])
    }

    @Test func aRecoveredEndpointIsSpared() {
        let bench = Bench((1...2).map { Bench.endpoint($0) }, BalanceSettings(method: .roundRobin))
        _ = bench.shares(40) { $0 == 2 ? .failed : .succeeded }
        bench.now += Sensitivity.normal.settings.firstCooling
        _ = bench.shares(20)
        #expect(bench.balance.status(now: bench.now).map(\.state) == [.closed, .closed])
        let cold = bench.shares(300)
        #expect((cold[2] ?? 0) < 60, "\(cold)")
        bench.now += 10 * Bench.second
        let warm = bench.shares(300)
        #expect((120...180).contains(warm[2] ?? 0), "\(warm)")
    }

    @Test func noMoreThanHalfArePassedOverForBadAnswers() {
        let bench = Bench((1...4).map { Bench.endpoint($0) }, BalanceSettings(breaker: .low))
        _ = bench.shares(45) { _ in .failed }
        #expect(bench.balance.status(now: bench.now).count { $0.state == .open } == 2)
    }

    @Test func theOnlyOneIsNeverPassedOver() {
        let bench = Bench([Bench.endpoint(1)], BalanceSettings(breaker: .low))
        _ = bench.shares(9) { _ in .unreachable }
        #expect(bench.request()?.number == 1)
    }

    @Test func aSlowOneIsPassedOver() {
        let bench = Bench((1...2).map { Bench.endpoint($0) }, BalanceSettings(method: .roundRobin))
        var events: [BreakerEvent] = []
        for _ in 0..<200 {
            bench.now += 20_000_000
            guard let (number, chosen) = bench.choose() else { continue }
            var ticket = chosen
            events += bench.balance.judge(&ticket, .succeeded, latency: number == 2 ? 300_000_000 : 10_000_000, now: bench.now)
            bench.balance.release(ticket)
        }
        #expect(events == [BreakerEvent(change: .opened, endpoint: Bench.endpoint(2).address)])
    }

    @Test func theServicesBreakerFailsFastAndProbes() throws {
        let bench = Bench([Bench.endpoint(1)], BalanceSettings(breaker: .high))
        let high = Sensitivity.high.settings
        for _ in 0..<high.volume { bench.request { _ in .failed } }
        guard case .circuitOpen(let wait) = bench.balance.choose(EndpointWish(), now: bench.now, using: &bench.random).choice else {
            Issue.record("it is not open")
            return
        }
        #expect(wait == high.firstCooling)
        #expect(bench.balance.breakerName(now: bench.now) == .open)
        bench.now += wait
        #expect(bench.balance.breakerName(now: bench.now) == .halfOpen)
        #expect(bench.request()?.events == [BreakerEvent(change: .closed, endpoint: nil)])
        #expect(bench.balance.breakerName(now: bench.now) == .closed)
    }

    @Test func whatIsKnownSurvivesANewList() throws {
        let bench = Bench((1...4).map { Bench.endpoint($0) })
        _ = bench.shares(100) { $0 == 2 ? .failed : .succeeded }
        let (_, ticket) = try #require(bench.choose())
        bench.balance.adopt(
            (2...5).map { Bench.endpoint($0) }, BalanceSettings(), here: Bench.here, generation: 2, now: bench.now)
        #expect(bench.balance.status(now: bench.now).map(\.state) == [.open, .closed, .closed, .closed])
        bench.balance.release(ticket)
        #expect(bench.balance.status(now: bench.now).allSatisfy { $0.outstanding == 0 })
        // An older list changes nothing.
        bench.balance.adopt([], BalanceSettings(), here: Bench.here, generation: 1, now: bench.now)
        #expect(bench.balance.status(now: bench.now).count == 4)
    }
}
