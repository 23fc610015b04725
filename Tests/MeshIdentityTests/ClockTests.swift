import Foundation
import MeshIdentity
import MeshTypes
import Testing

@Suite struct ClockTests {
    @Test func noticesAClockThatWasSet() {
        var comparison = ClockComparison(real: .seconds(1_000_000), boot: .seconds(50))
        let slewed = comparison.observe(real: .seconds(1_000_006), boot: .seconds(55))
        #expect(slewed == nil)
        let forward = comparison.observe(real: .seconds(1_086_411), boot: .seconds(60))
        #expect(forward == .seconds(86400))
        let settled = comparison.observe(real: .seconds(1_086_416), boot: .seconds(65))
        #expect(settled == nil)
        let back = comparison.observe(real: .seconds(1_000_021), boot: .seconds(70))
        #expect(back == .seconds(-86400))
    }

    /// A day back, a day forward: the store has certificates that are valid now.
    @Test(arguments: [-86400.0, 86400.0]) func renewsAfterAJump(seconds: TimeInterval) async throws {
        let scratch = Scratch()
        let clock = FakeClock()
        // The root must be valid a day earlier, too.
        clock.advance(2 * 86400)
        let authority = FakeAuthority(try EmbeddedCA.open(directory: scratch.authority, trustDomain: "daarion.city"))
        let store = IdentityStore(authority: authority, trustDomain: "daarion.city", lifetime: .seconds(3600), clock: clock)
        await store.ensure([.of("wallet")])
        let before = try #require(await store.credentials()[.of("wallet")])
        clock.advance(seconds)
        await store.retry()
        let after = try #require(await store.credentials()[.of("wallet")])
        let now = Int64(clock.now.timeIntervalSince1970)
        #expect(after.serial != before.serial)
        #expect(after.notBefore <= now && now < after.notAfter)
    }

    /// An attempt that was put off until a time that is a day away now is made at once.
    @Test func retriesWhatAClockPutOutOfReach() async throws {
        let scratch = Scratch()
        let clock = FakeClock()
        let authority = FakeAuthority(try EmbeddedCA.open(directory: scratch.authority, trustDomain: "daarion.city"))
        clock.advance(2 * 86400)
        let store = IdentityStore(authority: authority, trustDomain: "daarion.city", clock: clock)
        authority.isDown = true
        await store.ensure([.of("wallet")])
        authority.isDown = false
        clock.advance(-86400)
        await store.renewDue()
        #expect(await store.credentials().isEmpty)
        await store.retry()
        #expect(await store.credentials().count == 1)
    }

    @Test func tellsHowOldACertificateIs() async throws {
        let scratch = Scratch()
        let clock = FakeClock()
        clock.advance(3600)
        let authority = FakeAuthority(try EmbeddedCA.open(directory: scratch.authority, trustDomain: "daarion.city"))
        let store = IdentityStore(authority: authority, trustDomain: "daarion.city", lifetime: .seconds(3600), clock: clock)
        await store.ensure([.of("wallet")])
        let status = try #require(await store.statuses().first)
        let young = try #require(status.age(clock.now))
        #expect(young >= 0 && young < 0.05)
        let old = try #require(status.age(clock.now.addingTimeInterval(3300)))
        #expect(old > CertificateStatus.urgentShare && old < 1)
    }
}
