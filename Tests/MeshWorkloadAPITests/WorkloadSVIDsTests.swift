import Foundation
import MeshIdentity
import MeshTypes
import MeshWorkloadAPI
import Testing

/// R1.3, R1.4: a workload's own SVID.
struct WorkloadSVIDsTests {
    private let scratch = Scratch()
    private let clock = FakeClock()
    private let authority: FakeAuthority
    private let workloads = FakeWorkloads([.of("wallet", in: "/a"), .of("wallet", in: "/b"), .of("usage", in: "/c")])
    private let svids: WorkloadSVIDs

    init() throws {
        authority = try FakeAuthority(scratch)
        svids = WorkloadSVIDs(
            authority: authority, trustDomain: "daarion.city", lifetime: .seconds(3600), clock: clock,
            workloads: { [workloads] in workloads.all })
    }

    @Test func twoWorkloadsOfOneServiceHaveTwoKeys() async throws {
        let watch = await svids.watch()
        let first = try #require(try await svids.svid(of: .of("wallet", in: "/a"), watch: watch.id))
        let second = try #require(try await svids.svid(of: .of("wallet", in: "/b"), watch: watch.id))
        #expect(first.identity == second.identity && first != second)
        #expect(first.message(bundle: []).key != second.message(bundle: []).key)
        #expect(try await svids.svid(of: .of("wallet", in: "/a"), watch: watch.id) == first, "one workload's processes share theirs")
        #expect(authority.requests == 2)
    }

    @Test func renewsAtHalfLifeWhatSomebodyListensTo() async throws {
        let watch = await svids.watch()
        let first = try await svids.svid(of: .of("wallet", in: "/a"), watch: watch.id)
        clock.advance(0.39 * 3600)
        await svids.renewDue()
        #expect(try await svids.svid(of: .of("wallet", in: "/a"), watch: watch.id) == first)
        clock.advance(0.22 * 3600)
        await svids.renewDue()
        var changes = watch.changes.makeAsyncIterator()
        await changes.next()
        #expect(authority.requests == 2)
        #expect(try await svids.svid(of: .of("wallet", in: "/a"), watch: watch.id) != first)
        #expect(await svids.statuses().map(\.streams) == [1])
    }

    @Test func dropsAtHalfLifeWhatNobodyListensTo() async throws {
        let watch = await svids.watch()
        _ = try await svids.svid(of: .of("wallet", in: "/a"), watch: watch.id)
        await svids.unwatch(watch.id)
        clock.advance(0.61 * 3600)
        await svids.renewDue()
        #expect(await svids.statuses().isEmpty && authority.requests == 1)
    }

    @Test func dropsTheKeyWithItsWorkloadAndTellsItsStreams() async throws {
        let watch = await svids.watch()
        _ = try await svids.svid(of: .of("wallet", in: "/a"), watch: watch.id)
        await svids.renewDue()
        var changes = watch.changes.makeAsyncIterator()
        await changes.next()
        workloads.all = [.of("usage", in: "/c")]
        await svids.renewDue()
        await changes.next()
        #expect(await svids.statuses().isEmpty)
        #expect(await svids.workload(ofCgroup: "/a") == nil)
    }

    @Test func servesTheOldOneWhileTheAuthorityFailsAndNoneAfterItsEnd() async throws {
        let watch = await svids.watch()
        let workload = Workload.of("wallet", in: "/a")
        let first = try await svids.svid(of: workload, watch: watch.id)
        authority.isDown = true
        clock.advance(0.61 * 3600)
        await svids.renewDue()
        #expect(try await svids.svid(of: workload, watch: watch.id) == first)
        #expect(await svids.statuses().first?.lastError?.contains("is down") == true)
        clock.advance(0.4 * 3600)
        await #expect(throws: AuthorityFailure.self) { try await svids.svid(of: workload, watch: watch.id) }
        authority.isDown = false
        clock.advance(RenewalSchedule.longestRetry)
        #expect(try await svids.svid(of: workload, watch: watch.id) != first)
    }

    @Test func doesNotHammerAnAuthorityThatIsDown() async throws {
        authority.isDown = true
        let watch = await svids.watch()
        for _ in 0..<1000 { _ = try? await svids.svid(of: .of("wallet", in: "/a"), watch: watch.id) }
        #expect(authority.requests == 1)
    }
}
