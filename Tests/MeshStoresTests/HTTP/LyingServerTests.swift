import MeshRegistry
import MeshStores
import MeshTypes
import Testing

/// Servers that are no store, or a broken one: a failure is said, and no record.
@Suite(.serialized)
struct LyingServerTests {
    private static func expected(_ lie: LyingServer.Lie) -> Set<SourceFailure.Code> {
        switch lie {
        case .cut, .empty, .page, .shape: [.malformed]
        case .endless, .line: [.overBound]
        case .close, .drip: [.unreachable]
        }
    }

    @Test(arguments: LyingServer.Lie.allCases) func etcd(lie: LyingServer.Lie) async throws {
        let scratch = Scratch()
        let server = try await LyingServer.start(lie, in: scratch)
        defer { server.stop() }
        var options = EtcdOptions(servers: ["http://\(server.address)"])
        options.timeout = .seconds(3)
        let identities = try await TestIdentities([])
        let source = EtcdSource(options, namespace: "default", trustDomain: TestIdentities.trustDomain, keys: identities.store)
        try await Reports.of(source) { reports in
            let failure = try await reports.waitForFailure()
            #expect(Self.expected(lie).contains(failure.code), "\(failure)")
            // A range that says nothing is an empty store, and no lie.
            if lie != .line { #expect(await reports.records == nil) }
        }
    }

    @Test(arguments: LyingServer.Lie.allCases.filter { $0 != .line }) func consul(lie: LyingServer.Lie) async throws {
        let scratch = Scratch()
        let server = try await LyingServer.start(lie, in: scratch)
        defer { server.stop() }
        var options = ConsulOptions(agent: "http://\(server.address)")
        options.timeout = .seconds(5)
        let identities = try await TestIdentities([])
        let source = ConsulSource(options, namespace: "default", trustDomain: TestIdentities.trustDomain, keys: identities.store)
        try await Reports.of(source) { reports in
            let failure = try await reports.waitForFailure()
            #expect(Self.expected(lie).contains(failure.code), "\(failure)")
            #expect(await reports.records == nil)
        }
    }
}
