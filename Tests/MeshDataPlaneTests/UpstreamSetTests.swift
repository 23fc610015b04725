import MeshDataPlane
import MeshTypes
import Testing

/// Which server is asked first, for how long, and when one that is down is tried anew.
struct UpstreamSetTests {
    private static let second: UInt64 = 1_000_000_000
    private static let first = SocketAddress("10.0.0.1:53")!
    private static let other = SocketAddress("10.0.0.2:53")!
    private static let both = [first, other]

    private static func ask(_ set: inout UpstreamSet, _ address: SocketAddress, _ failures: UpstreamFailure..., at now: UInt64 = 0) {
        for failure in failures {
            set.asked(address)
            set.failed(address, failure, now: now)
        }
    }

    @Test func theOrderIsAsConfiguredUntilOneIsDown() {
        var set = UpstreamSet(configured: Self.both)
        #expect(set.order(Self.both) == Self.both)
        Self.ask(&set, Self.first, .timeout, .timeout)
        #expect(set.order(Self.both) == Self.both, "one slow name is not the server's fault")
        Self.ask(&set, Self.first, .timeout)
        #expect(!set.isDown(Self.first) && set.isSuspect(Self.first) && set.order(Self.both) == [Self.other, Self.first])
        set.missedProbe(Self.first, now: 0)
        #expect(set.isDown(Self.first) && set.order(Self.both) == [Self.other, Self.first])
        Self.ask(&set, Self.other, .unreachable)
        #expect(set.order(Self.both) == Self.both, "all are down: as configured")
        set.answered(Self.first, after: 5, now: 0)
        #expect(!set.isDown(Self.first) && set.status.map(\.failures) == [0, 1])
    }

    @Test func aServerThatRefusesOrLiesLives() {
        var set = UpstreamSet(configured: Self.both)
        for _ in 0..<10 { Self.ask(&set, Self.first, .refusal, .mismatch, .stream) }
        #expect(!set.isDown(Self.first))
        #expect(set.status[0].failuresByKind == [.refusal: 10, .mismatch: 10, .stream: 10] && set.status[0].queries == 30)
    }

    @Test func oneThatIsDownIsTriedAnewLessAndLessOften() {
        var set = UpstreamSet(configured: [Self.first])
        Self.ask(&set, Self.first, .unreachable)
        var probes: [UInt64] = []
        for step in 0..<2000 as Range<UInt64> where !set.takeProbes(now: step * Self.second / 10).isEmpty {
            probes.append(step * Self.second / 10)
            set.failed(Self.first, .timeout, now: step * Self.second / 10)
        }
        #expect(probes.prefix(5).map { $0 / Self.second } == [1, 2, 4, 8, 16])
        #expect(zip(probes, probes.dropFirst()).allSatisfy { $1 - $0 <= UpstreamSet.longestBackOff })
        set.answered(Self.first, after: 1, now: 0)
        #expect(set.takeProbes(now: 10_000 * Self.second).isEmpty && !set.isInDoubt)
    }

    @Test func isWaitedForAsLongAsItUsuallyTakes() {
        var set = UpstreamSet(configured: [Self.first])
        #expect(set.patience(Self.first, atMost: Self.second) == Self.second, "nothing is known yet")
        for _ in 0..<50 { set.answered(Self.first, after: 100_000_000, now: 0) }
        #expect((390_000_000...400_000_000).contains(set.patience(Self.first, atMost: Self.second)))
        for _ in 0..<50 { set.answered(Self.first, after: 1000, now: 0) }
        #expect(set.patience(Self.first, atMost: Self.second) == 200_000_000, "a switch may forget a datagram")
        for _ in 0..<50 { set.answered(Self.first, after: 3 * Self.second, now: 0) }
        #expect(set.patience(Self.first, atMost: Self.second) == Self.second)
        #expect(set.status[0].latencies.reduce(0, +) == 150 && set.status[0].latencies.last == 50)
    }

    @Test func whatAServerCannotDoIsForgottenInTime() {
        var set = UpstreamSet(configured: [Self.first])
        #expect(set.takesEDNS(Self.first, now: 0) && set.keepsSpelling(Self.first, now: 0))
        set.speaksPlainly(Self.first, now: 0)
        set.respells(Self.first, now: 0)
        #expect(!set.takesEDNS(Self.first, now: 1) && !set.keepsSpelling(Self.first, now: 1))
        #expect(set.takesEDNS(Self.first, now: UpstreamSet.memory) && set.keepsSpelling(Self.first, now: UpstreamSet.memory))
    }

    /// Whoever asks for names whose own servers are silent says nothing about the upstream.
    @Test func silentNamesTakeNoServerDown() {
        var set = UpstreamSet(configured: Self.both)
        for step in 0..<100 as Range<UInt64> {
            let now = step * Self.second / 10
            Self.ask(&set, Self.first, .timeout, .timeout, .timeout, .timeout, at: now)
            for server in set.takeProbes(now: now) { set.answered(server, after: 1, now: now) }
            #expect(!set.isDown(Self.first) && !set.isSuspect(Self.first) && set.order(Self.both) == Self.both)
        }
        Self.ask(&set, Self.first, .timeout, .timeout, .timeout, at: 20 * Self.second)
        #expect(set.takeProbes(now: 20 * Self.second) == [Self.first])
        #expect(set.takeProbes(now: 21 * Self.second).isEmpty, "once")
        set.missedProbe(Self.first, now: 22 * Self.second)
        #expect(set.isDown(Self.first) && set.takeProbes(now: 23 * Self.second) == [Self.first])
        set.missedProbe(Self.other, now: 0)
        #expect(!set.isDown(Self.other), "it was not in doubt")
    }

    /// While a server proved a moment ago that it lives, silence does not put it last again.
    @Test func aServerThatProvedThatItLivesIsTrustedForAMoment() {
        var set = UpstreamSet(configured: Self.both)
        Self.ask(&set, Self.first, .timeout, .timeout, .timeout)
        set.answered(Self.first, after: 1, now: 0)
        Self.ask(&set, Self.first, .timeout, .timeout, .timeout, .timeout, at: UpstreamSet.trust - 1)
        #expect(!set.isSuspect(Self.first))
        Self.ask(&set, Self.first, .timeout, at: UpstreamSet.trust)
        #expect(set.isSuspect(Self.first))
    }

    @Test func serversOfTheNodesFileTakeEachOthersPlace() {
        var set = UpstreamSet(configured: [])
        #expect(set.learnt == nil && set.current.isEmpty)
        set.use(Self.both)
        for server in Self.both { Self.ask(&set, server, .unreachable) }
        #expect(set.status.map(\.address) == Self.both && set.learnt?.isDown == true)
        set.use([Self.other])
        #expect(set.current == [Self.other] && set.servers.count == 1 && set.isDown(Self.other))
        set.use([])
        #expect(set.learnt?.queries == 2 && set.learnt?.isDown == false, "counters never go back")
        var configured = UpstreamSet(configured: [Self.first])
        configured.use([Self.other])
        #expect(configured.current == [Self.first])
    }
}
