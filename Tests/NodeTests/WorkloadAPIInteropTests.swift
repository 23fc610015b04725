import Foundation
import MeshIdentity
import MeshSystem
import MeshTypes
import MeshWorkloadAPI
import Synchronization
import Testing

/// The Workload API's server against py-spiffe and grpcio: this test's processes are the workload.
@Suite(
    .serialized,
    .enabled(if: ControlGroup.own() != nil || ProcessInfo.processInfo.environment["CI"] == "true", "this machine has no cgroup v2"))
final class WorkloadAPIInteropTests {
    private final class Clock: IdentityClock {
        private let time = Mutex(Date())
        var now: Date { time.withLock { $0 } }
        func advance(_ seconds: TimeInterval) { time.withLock { $0 += seconds } }
        func sleep(for duration: Duration) async throws { try await Task.sleep(for: .seconds(3600)) }
    }

    private let directory = "/tmp/myelin-spiffe-\(UUID().uuidString.prefix(8))"
    private let clock = Clock()
    private let svids: WorkloadSVIDs
    private var socket: String { directory + "/w.sock" }

    init() throws {
        try #require(PythonPeers.isThere, "run scripts/peers.sh .build/peers")
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        let own = MeshTypes.Workload(
            service: ServiceIdentity(namespace: "default", name: ServiceName("wallet")!), cgroup: try #require(ControlGroup.own()),
            networkNamespace: nil, sharesNodeNamespace: true)
        svids = WorkloadSVIDs(
            authority: try EmbeddedCA.open(directory: directory + "/ca", trustDomain: "daarion.city"), trustDomain: "daarion.city",
            lifetime: .seconds(24 * 3600), clock: clock, workloads: { [own] })
    }

    deinit { try? FileManager.default.removeItem(atPath: directory) }

    private func serving(_ body: () async throws -> Void) async throws {
        let server = WorkloadServer(WorkloadAPIOptions(socket: socket), svids: svids, trustDomain: "daarion.city") { _ in }
        let (ready, isReady) = AsyncStream.makeStream(of: Void.self)
        let running = Task { try await server.run { isReady.finish() } }
        for await _ in ready {}
        defer { running.cancel() }
        try await body()
    }

    private func client(_ arguments: String...) throws -> PythonPeers.Running {
        try PythonPeers.Running([PythonPeers.program("spiffe_client")] + arguments, log: "\(directory)/\(UUID().uuidString).log")
    }

    @Test func itDoesWhatTheSpecificationAsks() async throws {
        try await serving {
            let probe = try client("probe", socket, "daarion.city")
            #expect(probe.awaitOutput { $0.contains("ok") }, "\(probe.output)")
        }
    }

    @Test func aFetchedSVIDIsStrictlyValid() async throws {
        try await serving {
            let fetch = try client("fetch", socket, directory + "/fetched")
            #expect(fetch.awaitOutput { $0.contains("spiffe://daarion.city/ns/default/sa/wallet") }, "\(fetch.output)")
            let files = directory + "/fetched"
            let verdict = try EnvoyProcess.command([
                "openssl", "verify", "-x509_strict", "-purpose", "sslclient", "-CAfile", files + "/bundle.pem", files + "/svid.pem",
            ])
            #expect(verdict.contains("OK"))
            let mode = try FileManager.default.attributesOfItem(atPath: directory + "/ca")[.posixPermissions] as? Int
            #expect(mode == 0o700, "the authority's directory stays closed")
        }
    }

    @Test func aWatcherGetsEveryNewSVID() async throws {
        try await serving {
            let watch = try client("watch", socket, "3")
            for count in 1...3 {
                #expect(watch.awaitOutput { $0.split(separator: "\n").count >= count }, "\(watch.output)")
                clock.advance(0.61 * 24 * 3600)
                await svids.renewDue()
            }
            let serials = watch.output.split(separator: "\n")
            #expect(Set(serials).count == 3 && !watch.output.contains("error"), "\(watch.output)")
        }
    }
}
