import Foundation
import MeshRegistry
import MeshTypes
import Synchronization
import Testing

@Suite struct EmbeddedRegistryTests {
    private let file = NSTemporaryDirectory() + "myelin-embedded-\(UUID().uuidString)/embedded.json"

    private func wallet(
        _ id: String, _ address: String, port: UInt16 = 80, cgroup: String? = nil, service: String = "wallet", timeToLive: Duration? = nil
    ) -> Registration {
        Registration(
            id: id, service: Records.identity(service), address: SocketAddress(address)!, servicePort: port,
            workload: cgroup.map {
                Workload(service: Records.identity(service), cgroup: $0, networkNamespace: "/run/netns/w", sharesNodeNamespace: false)
            }, timeToLive: timeToLive)
    }

    private func refusal(_ instances: inout Instances, _ registration: Registration) -> RegistrationFailure.Code? {
        do throws(RegistrationFailure) {
            try instances.register(registration, now: .now)
            return nil
        } catch { return error.code }
    }

    @Test func contradictionsAreRefused() throws {
        var instances = Instances(node: "n1")
        #expect(refusal(&instances, wallet("w1", "10.0.0.1:80", cgroup: "/w")) == nil)
        #expect(refusal(&instances, wallet("w2", "10.0.0.1:80")) == .conflict)
        #expect(refusal(&instances, wallet("w2", "10.0.0.2:80", port: 81)) == .conflict)
        #expect(refusal(&instances, wallet("o", "10.0.0.3:80", cgroup: "/w", service: "other")) == .conflict)
        #expect(refusal(&instances, wallet("", "10.0.0.3:80")) == .invalid)
        #expect(refusal(&instances, wallet("a/b", "10.0.0.3:80")) == .invalid)
        #expect(refusal(&instances, wallet("w1", "10.0.0.9:90", port: 90)) == nil)
        #expect(refusal(&instances, wallet("x", "10.0.0.1:80", port: 90)) == nil)
        #expect(instances.all.map(\.id) == ["w1", "x"])
    }

    @Test func moreThanFitAreRefusedAndTheirPlacesAreUsedAgain() throws {
        var instances = Instances(node: "n1")
        for index in 0..<Instances.maximum {
            try instances.register(wallet("w\(index)", "10.\(index / 60000).0.1:\(index % 60000 + 1)", service: "s\(index)"), now: .now)
        }
        #expect(refusal(&instances, wallet("more", "10.9.9.9:1")) == .full)
        try instances.deregister("w0")
        #expect(refusal(&instances, wallet("more", "10.9.9.9:1")) == nil)
    }

    @Test func whatSendsNoHeartbeatIsForgotten() throws {
        var instances = Instances(node: "n1")
        let start = ContinuousClock.now
        try instances.register(wallet("w1", "10.0.0.1:80", timeToLive: .seconds(10)), now: start)
        try instances.register(wallet("w2", "10.0.0.2:80"), now: start)
        try instances.heartbeat("w1", now: start + .seconds(9))
        #expect(instances.expire(now: start + .seconds(18)).isEmpty && instances.nextEnd == start + .seconds(19))
        #expect(instances.expire(now: start + .seconds(19)).map(\.id) == ["w1"])
        #expect(instances.all.map(\.id) == ["w2"] && instances.nextEnd == nil)
        #expect(throws: RegistrationFailure.self) { try instances.heartbeat("w1", now: start) }
    }

    @Test func aRestartRemembersEverything() async throws {
        defer { try? FileManager.default.removeItem(at: URL(fileURLWithPath: file).deletingLastPathComponent()) }
        let first = EmbeddedRegistry(file: file, node: "n1") { _ in }
        try await first.register(wallet("w1", "10.0.0.1:80", cgroup: "/w", timeToLive: .seconds(30)))
        try await first.register(wallet("w2", "[fd00::1]:80"))
        try await first.drain("w2", true)
        let second = EmbeddedRegistry(file: file, node: "n1") { _ in }
        #expect(second.warning == nil)
        #expect(await second.registrations == first.registrations)
        #expect(await second.records == first.records)
        try "{".write(toFile: file, atomically: true, encoding: .utf8)
        let third = EmbeddedRegistry(file: file, node: "n1") { _ in }
        #expect(third.warning?.contains("damaged") == true)
    }

    @Test func changesAndExpiriesAreReported() async throws {
        defer { try? FileManager.default.removeItem(at: URL(fileURLWithPath: file).deletingLastPathComponent()) }
        let gone = Mutex<[String]>([])
        let registry = EmbeddedRegistry(file: file, node: "n1") { registration in gone.withLock { $0.append(registration.id) } }
        let (reports, continuation) = AsyncStream.makeStream(of: Int.self)
        let running = Task {
            await registry.run { report in
                if case .records(let records, _) = report { continuation.yield(records.count) }
            }
        }
        defer { running.cancel() }
        var counts = reports.makeAsyncIterator()
        #expect(await counts.next() == 0)
        try await registry.register(wallet("w1", "10.0.0.1:80", timeToLive: .seconds(1)))
        #expect(await counts.next() == 2)
        #expect(await counts.next() == 0)
        #expect(gone.withLock { $0 } == ["w1"])
    }
}
