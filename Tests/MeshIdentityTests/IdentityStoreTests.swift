import Foundation
import MeshIdentity
import MeshTLS
import MeshTypes
import Testing

/// R1.3: rotation well before the end, and a failing authority that stops nothing until the end.
@Suite struct IdentityStoreTests {
    static let day: TimeInterval = 86400
    let scratch = Scratch()
    let clock = FakeClock()
    let authority: FakeAuthority
    let store: IdentityStore

    init() throws {
        authority = FakeAuthority(try EmbeddedCA.open(directory: scratch.authority, trustDomain: "daarion.city"))
        store = IdentityStore(authority: authority, trustDomain: "daarion.city", clock: clock)
    }

    private func serial(_ service: String) async -> String? { await store.credentials()[.of(service)]?.serial }
    private func status(_ service: String) async -> CertificateStatus? {
        await store.statuses().first { $0.service == .of(service) }
    }

    @Test func holdsExactlyTheServicesOfThisNode() async {
        await store.ensure([.of("wallet"), .of("usage")])
        #expect(Set(await store.credentials().keys) == [.of("wallet"), .of("usage")])
        let kept = await serial("wallet")
        await store.ensure([.of("wallet"), .of("gateway")])
        #expect(Set(await store.credentials().keys) == [.of("wallet"), .of("gateway")])
        #expect(await serial("wallet") == kept, "what is there already is kept")
        #expect(await store.credentials()[.of("gateway")]?.identity == .of("gateway"))
    }

    @Test func renewsAtHalfLife() async {
        await store.ensure([.of("wallet")])
        let first = await serial("wallet")
        clock.advance(0.39 * Self.day)
        await store.renewDue()
        #expect(await serial("wallet") == first)
        clock.advance(0.22 * Self.day)
        await store.renewDue()
        #expect(await serial("wallet") != first)
        #expect(await status("wallet")?.state == .valid)
    }

    @Test func asksOnceWhenManyPassesOverlap() async {
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<20 { group.addTask { [store] in await store.ensure([.of("wallet")]) } }
        }
        #expect(authority.requests == 1)
    }

    @Test func keepsTheOldOneWhileTheAuthorityFails() async {
        await store.ensure([.of("wallet")])
        let first = await serial("wallet")
        authority.isDown = true
        clock.advance(0.61 * Self.day)
        await store.renewDue()
        #expect(await serial("wallet") == first)
        let failing = await status("wallet")
        #expect(failing?.state == .failing)
        #expect(failing?.lastError?.contains("the authority is down") == true)
        // Just before the end it still serves; at the end it is gone.
        clock.advance(0.389 * Self.day)
        await store.renewDue()
        #expect(await serial("wallet") == first)
        clock.advance(0.002 * Self.day)
        await store.renewDue()
        #expect(await serial("wallet") == nil)
        #expect(await status("wallet")?.state == .expired)
        authority.isDown = false
        clock.advance(RenewalSchedule.longestRetry)
        await store.renewDue()
        #expect(await status("wallet")?.state == .valid)
        #expect(await status("wallet")?.lastError == nil)
    }

    @Test func doesNotHammerAnAuthorityThatIsDown() async {
        authority.isDown = true
        await store.ensure([.of("wallet")])
        #expect(await status("wallet")?.state == .pending)
        for _ in 0..<3600 {
            clock.advance(1)
            await store.renewDue()
        }
        #expect((12...60).contains(authority.requests), "\(authority.requests) requests in an hour")
    }

    @Test func recoversWhenTheAuthorityComesBack() async {
        authority.isDown = true
        await store.ensure([.of("wallet")])
        authority.isDown = false
        clock.advance(1)
        await store.renewDue()
        #expect(await status("wallet")?.state == .valid)
    }

    @Test func tellsOfChanges() async {
        var changes = store.changes.makeAsyncIterator()
        await store.ensure([.of("wallet")])
        await changes.next()
        let first = await serial("wallet")
        clock.advance(0.61 * Self.day)
        await store.renewDue()
        await changes.next()
        #expect(await serial("wallet") != first)
        await store.ensure([])
        await changes.next()
        #expect(await store.credentials().isEmpty)
    }

    @Test func followsAChangeOfAuthorityWithoutNewCertificates() async throws {
        await store.ensure([.of("wallet")])
        let first = await serial("wallet")
        let other = Scratch()
        let next = try EmbeddedCA.open(directory: other.authority, trustDomain: "daarion.city")
        authority.trustAlso(next.rootDER)
        await store.renewDue()
        #expect(await store.trustedRoots().count == 2)
        #expect(await serial("wallet") == first)
        #expect(authority.requests == 1)
    }

    @Test func survivesAClockThatJumpsBack() async throws {
        // Issue an hour from now, then return to now: the certificate would not be valid yet.
        clock.advance(3600)
        await store.ensure([.of("wallet")])
        let first = await serial("wallet")
        clock.advance(-3600)
        await store.renewDue()
        #expect(await serial("wallet") != first)
    }

    @Test func boundsTheNumberOfServices() async {
        authority.isDown = true
        let many = Set((0..<IdentityStore.maximumServices + 10).map { ServiceIdentity.of("s\($0)") })
        await store.ensure(many)
        #expect(await store.statuses().count == IdentityStore.maximumServices)
    }

    @Test func runsUntilCancelled() async {
        await store.ensure([.of("wallet")])
        let first = await serial("wallet")
        let task = Task { [store] in await store.run() }
        // The fake clock does not wait: a day of ticks passes quickly.
        while await serial("wallet") == first { await Task.yield() }
        task.cancel()
        await task.value
        #expect(await status("wallet")?.state == .valid)
    }
}
