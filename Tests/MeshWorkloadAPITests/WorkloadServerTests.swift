import Foundation
import MeshIdentity
import MeshSystem
import MeshTypes
import MeshWorkloadAPI
import Synchronization
import Testing

/// The server on a real socket, called by the mesh's own client: this test's process is the workload.
@Suite(.enabled(if: ControlGroup.own() != nil || ProcessInfo.processInfo.environment["CI"] == "true", "this machine has no cgroup v2"))
struct WorkloadServerTests {
    private let scratch = Scratch()
    private let clock = FakeClock()
    private let authority: FakeAuthority
    private let workloads: FakeWorkloads
    private let svids: WorkloadSVIDs
    private let refusals = Refusals()
    private let own: Workload

    private final class Refusals: Sendable {
        let callers = Mutex<[String]>([])
    }

    init() throws {
        authority = try FakeAuthority(scratch)
        own = .of("wallet", in: try #require(ControlGroup.own()))
        let workloads = FakeWorkloads([own])
        self.workloads = workloads
        svids = WorkloadSVIDs(
            authority: authority, trustDomain: "daarion.city", lifetime: .seconds(3600), clock: clock, workloads: { workloads.all })
    }

    private var socket: String { scratch.path + "/w.sock" }

    private func serving(
        _ change: (inout WorkloadAPIOptions) -> Void = { _ in }, _ body: (WorkloadServer) async throws -> Void
    ) async throws {
        var options = WorkloadAPIOptions(socket: socket)
        change(&options)
        let refusals = refusals
        let server = WorkloadServer(options, svids: svids, trustDomain: "daarion.city") { event in
            if case .refused(let caller, _) = event { refusals.callers.withLock { $0.append(caller) } }
        }
        let (ready, isReady) = AsyncStream.makeStream(of: Void.self)
        let running = Task { try await server.run { isReady.finish() } }
        for await _ in ready {}
        do { try await body(server) } catch {
            running.cancel()
            throw error
        }
        running.cancel()
        await #expect(throws: CancellationError.self) { try await running.value }
        #expect(!FileManager.default.fileExists(atPath: socket))
    }

    private func first() async throws -> X509SVIDResponse {
        for try await bytes in AgentCall.messages(socket: socket) { return try X509SVIDResponse(bytes[...]) }
        throw GRPCStatus(.unknown, "no message")
    }

    @Test func aWorkloadGetsItsOwnSVIDAndEachNewOne() async throws {
        try await serving { server in
            var messages = AgentCall.messages(socket: socket).makeAsyncIterator()
            let bytes = try #require(try await messages.next())
            let identities = try AgentIdentities(X509SVIDResponse(bytes[...]), trustDomain: "daarion.city")
            let first = try #require(identities.svids[SPIFFEID(trustDomain: "daarion.city", service: own.service)])
            #expect(identities.roots == [authority.real.rootDER])
            clock.advance(0.61 * 3600)
            await svids.renewDue()
            let again = try #require(try await messages.next())
            let second = try AgentIdentities(X509SVIDResponse(again[...]), trustDomain: "daarion.city").svids.values.first
            #expect(second?.certificate.chainDER != first.certificate.chainDER && second?.key.publicKeyDER != first.key.publicKeyDER)
            // Counted when it is written, which the reader may be told of first.
            #expect(await eventually { server.tally.handedOut == 2 } && server.streams == 1 && server.connections == 1)
        }
    }

    @Test func everybodyMayOpenTheSocket() async throws {
        try await serving { _ in
            let attributes = try FileManager.default.attributesOfItem(atPath: socket)
            #expect(attributes[.posixPermissions] as? Int == 0o666)
        }
    }

    @Test func aStrangerIsRefusedCountedAndReportedOnce() async throws {
        workloads.all = [.of("usage", in: "/somewhere/else")]
        try await serving { server in
            for _ in 0..<3 {
                await #expect { try await first() } throws: { ($0 as? GRPCStatus)?.code == .permissionDenied }
            }
            #expect(server.tally.ended == [.init(method: .fetchX509SVID, code: .permissionDenied): 3])
            #expect(refusals.callers.withLock { $0 } == [ControlGroup.own()])
            #expect(authority.requests == 0)
        }
    }

    @Test func aWorkloadThatIsTakenFromTheRegistryLosesItsStream() async throws {
        try await serving { _ in
            var messages = AgentCall.messages(socket: socket).makeAsyncIterator()
            _ = try await messages.next()
            workloads.all = []
            await svids.renewDue()
            await #expect { try await messages.next() } throws: { ($0 as? GRPCStatus)?.code == .permissionDenied }
        }
    }

    @Test func withoutAnAuthorityItIsUnavailable() async throws {
        authority.isDown = true
        try await serving { _ in
            await #expect { try await first() } throws: { ($0 as? GRPCStatus)?.code == .unavailable }
        }
    }

    @Test func aWorkloadHasNoMoreStreamsThanItMay() async throws {
        try await serving({ $0.streamsPerWorkload = 2 }) { server in
            var held = [AgentCall.messages(socket: socket).makeAsyncIterator(), AgentCall.messages(socket: socket).makeAsyncIterator()]
            for index in held.indices { _ = try await held[index].next() }
            await #expect { try await first() } throws: { ($0 as? GRPCStatus)?.code == .resourceExhausted }
            #expect(server.tally.ended == [.init(method: .fetchX509SVID, code: .resourceExhausted): 1])
            held.removeAll()
            // The connections' ends have to be noticed first.
            #expect(await eventually { server.tally.ended[.init(method: .fetchX509SVID, code: .cancelled)] == 2 } && server.streams == 0)
            _ = try await first()
        }
    }

    @Test func aCallerHasNoMoreConnectionsThanItMay() async throws {
        try await serving({ $0.connectionsPerCaller = 1 }) { server in
            var held = AgentCall.messages(socket: socket).makeAsyncIterator()
            _ = try await held.next()
            await #expect { try await first() } throws: { ($0 as? GRPCStatus)?.code == .unavailable }
            #expect(server.connections == 1)
            _ = held
        }
    }

    @Test func theClientComesBackWhenTheServerDoes() async throws {
        let source = AgentSource(socket: socket, trustDomain: "daarion.city") { _ in }
        let running = Task { await source.run() }
        defer { running.cancel() }
        var updates = source.updates.makeAsyncIterator()
        let identity = SPIFFEID(trustDomain: "daarion.city", service: own.service)
        try await serving { _ in await updates.next() }
        for _ in 0..<500 where !isAway(source) { try await Task.sleep(for: .milliseconds(10)) }
        #expect(isAway(source))
        _ = try await source.svid(for: identity, now: Date())
        try await serving { _ in await updates.next() }
        #expect(source.messages.accepted == 2)
    }

    /// It may be that the agent was just started.
    @Test func aDenialAtTheBeginningOfACallCountsAfterAWhile() async throws {
        let source = AgentSource(socket: socket, trustDomain: "daarion.city", denialPatience: .milliseconds(600)) { _ in }
        let running = Task { await source.run() }
        defer { running.cancel() }
        var updates = source.updates.makeAsyncIterator()
        let identity = SPIFFEID(trustDomain: "daarion.city", service: own.service)
        try await serving { _ in await updates.next() }
        for _ in 0..<500 where !isAway(source) { try await Task.sleep(for: .milliseconds(10)) }
        workloads.all = []
        try await serving { _ in
            for _ in 0..<1000 where !isDenied(source) { try await Task.sleep(for: .milliseconds(10)) }
            #expect(isDenied(source))
            _ = try await source.svid(for: identity, now: Date())
            await updates.next()
            await #expect { try await source.svid(for: identity, now: Date()) } throws: { ($0 as? AuthorityFailure)?.code == .withdrawn }
            #expect(try await source.trustedRoots() == [authority.real.rootDER])
        }
    }

    private func isDenied(_ source: AgentSource) -> Bool { if case .denied = source.status { true } else { false } }
    private func isAway(_ source: AgentSource) -> Bool { if case .away = source.status { true } else { false } }

    @Test func strangersShareWhatOneWorkloadMayHave() {
        let roster = CallerRoster(total: 3, perCaller: 2)
        #expect(roster.enter("") && roster.enter("") && !roster.enter("") && roster.enter("/a") && !roster.enter("/b"))
        roster.leave("")
        #expect(roster.enter("/b") && !roster.enter(""))
    }

    @Test func aStormOfRefusalsIsNotAStormOfLines() {
        let journal = RefusalJournal()
        let now = ContinuousClock.now
        #expect(journal.isNews("/a", now: now) && !journal.isNews("/a", now: now))
        for number in 1..<RefusalJournal.maximumCallers { #expect(journal.isNews("/\(number)", now: now)) }
        #expect(!journal.isNews("/one-more", now: now))
        #expect(journal.isNews("/one-more", now: now + RefusalJournal.pause) && journal.isNews("/a", now: now + RefusalJournal.pause))
    }
}
