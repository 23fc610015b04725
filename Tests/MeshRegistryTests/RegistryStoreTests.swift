import Foundation
import MeshConfig
import MeshRegistry
import MeshTypes
import Synchronization
import Testing

@Suite struct RegistryStoreTests {
    private let directory = NSTemporaryDirectory() + "myelin-store-" + UUID().uuidString
    private let itself = Records.node("n1").node

    /// What a store told its surroundings.
    private final class Heard: Sendable {
        let states = Mutex<[RegistryState]>([])
        let events = Mutex<[String]>([])
    }

    private func store(_ heard: Heard, archived: Bool = false, grace: Duration = .seconds(60)) -> RegistryStore {
        var configuration = NodeConfiguration.Registry()
        configuration.lossGrace = grace
        return RegistryStore(
            configuration, node: itself, archive: archived ? RecordArchive(directory: directory) : nil,
            note: { event in heard.events.withLock { $0.append("\(event)") } },
            apply: { state in heard.states.withLock { $0.append(state) } })
    }

    private func report(_ records: RegistryRecords) -> SourceReport { .records(records, SourceNote()) }

    /// Says its reports one after the other, then waits.
    private struct Script: RegistrySource {
        let name: SourceName
        let reports: [SourceReport]

        func run(_ report: @escaping @Sendable (SourceReport) async -> Void) async {
            for one in reports { await report(one) }
            try? await Task.sleep(for: .seconds(3600))
        }
    }

    @Test func reportsAtOneTimeMakeOneChange() async throws {
        let heard = Heard()
        let store = store(heard)
        for index in 1...50 { await store.receive(report(Records.many(services: index)), from: SourceName(.etcd)) }
        try await Task.sleep(for: .milliseconds(500))
        let states = heard.states.withLock { $0 }
        #expect(states.count < 20 && states.last?.services.count == 50)
    }

    @Test func theLastGoodRecordsOutliveTheDaemonAndTheStore() async throws {
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let etcd = SourceName(.etcd, instance: "west")
        var records = Records.many(services: 3)
        records.nodes.append(Records.node("x", "fd00::1", draining: true, announcer: "x"))
        records.workloads = [Records.workload("s1", "/w")]
        records.services.append(
            Records.service("v6", port: 1, .grpc, [Records.endpoint("[fd00::2]:9", draining: true, announcer: "x")], announced: true))
        let first = store(Heard(), archived: true)
        let script = Script(name: etcd, reports: [report(records)])
        let running = Task { await first.run([script]) }
        try await Task.sleep(for: .milliseconds(100))
        running.cancel()
        await running.value

        let heard = Heard()
        let second = store(heard, archived: true)
        await second.receive(.failed(SourceFailure(.unreachable, "dead", advice: "start it")), from: etcd)
        await second.flush()
        let expected = RegistryMerge([(etcd, records)], itself: itself).state
        #expect(await second.state == expected)
        let status = try #require(await second.statuses.first)
        #expect(status.areRemembered && status.condition.code == "failing" && status.records == records.count)
    }

    @Test(arguments: ["{half", "{\"format\":1,\"source\":\"consul\"}", ""])
    func aDamagedArchiveIsSaidAndNotUsed(text: String) async throws {
        defer { try? FileManager.default.removeItem(atPath: directory) }
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        try text.write(toFile: directory + "/etcd.json", atomically: true, encoding: .utf8)
        let heard = Heard()
        let store = store(heard, archived: true)
        await store.add(SourceName(.etcd))
        #expect(heard.events.withLock { $0.first?.contains("damaged") } == true)
        #expect(await store.statuses.first?.records == 0)
    }

    @Test func aHeldSourceIsBelievedAfterTheGraceOrOnTheOperatorsWord() async throws {
        let heard = Heard()
        let store = store(heard, grace: .milliseconds(300))
        let etcd = SourceName(.etcd)
        await store.receive(report(Records.many(services: 2)), from: etcd)
        await store.receive(report(RegistryRecords()), from: etcd)
        await store.flush()
        #expect(await store.state.services.count == 2)
        for _ in 0..<100 where await !store.state.services.isEmpty { try await Task.sleep(for: .milliseconds(50)) }
        #expect(await store.state.services.isEmpty)

        await store.receive(report(Records.many(services: 2)), from: etcd)
        await store.receive(report(RegistryRecords()), from: etcd)
        #expect(await store.accept(etcd))
        #expect(await !store.accept(etcd))
        await store.flush()
        #expect(await store.state.services.isEmpty)
    }

    /// Whoever answers first: what counts is what each says last.
    @Test(arguments: [UInt64](1...25))
    func theOrderOfArrivalMakesNoDifference(seed: UInt64) async {
        var random = FastRandom(seed: seed)
        let kinds: [SourceName.Kind] = [.files, .embedded, .etcd, .consul, .dns]
        let last = Dictionary(
            uniqueKeysWithValues: kinds.map { kind in
                var records = RegistryRecords()
                records.nodes = (0..<3).map { Records.node("n\($0)", "10.0.\(Int.random(in: 0..<2, using: &random)).\($0 + 1)") }
                records.services = (0..<5).filter { _ in Bool.random(using: &random) }.map { index in
                    Records.service(
                        "s\(index)", port: UInt16.random(in: 80...82, using: &random), .auto,
                        (0..<3).map { _ in
                            Records.endpoint(
                                "10.9.0.\(Int.random(in: 1...9, using: &random)):80", node: "n\(Int.random(in: 0..<4, using: &random))")
                        })
                }
                return (SourceName(kind), records)
            })
        var states: [RegistryState] = []
        for _ in 0..<3 {
            let store = store(Heard())
            for (name, records) in last.sorted(by: { $0.key < $1.key }).shuffled(using: &random) {
                if Bool.random(using: &random) {
                    var old = records
                    old.services.append(Records.service("old", .auto, [Records.endpoint("10.9.1.1:80", node: "n0")]))
                    await store.receive(report(old), from: name)
                }
                if Bool.random(using: &random) { await store.flush() }
                await store.receive(report(records), from: name)
            }
            await store.flush()
            states.append(await store.state)
        }
        #expect(states.allSatisfy { $0 == states[0] }, "seed \(seed)")
    }

    /// What its operator wrote, what registered and what was found, on this node; nothing that others told.
    @Test func othersAreToldOfWhatThisNodeDeliversTo() async {
        let announced = Mutex<NodeAnnouncement?>(nil)
        let store = RegistryStore(
            NodeConfiguration.Registry(), node: itself, archive: nil, note: { _ in }, apply: { _ in },
            announce: { newest in announced.withLock { $0 = newest } })
        let peer = SocketAddress(ip: IPAddress("10.0.0.9")!, port: 15008)
        let wallet = Records.service(
            "wallet", port: 80, .http,
            [
                Records.endpoint("10.1.0.1:8080"), Records.endpoint("10.1.0.2:8080", node: "n2"),
                Records.endpoint("10.1.0.3:8080", tunnel: peer),
            ])
        let files = Records.all(
            nodes: [Records.node("n1"), Records.node("n2", "10.0.0.2")], services: [wallet], workloads: [Records.workload("wallet", "/w")])
        await store.receive(report(files), from: SourceName(.files))
        await store.receive(
            report(Records.all(services: [Records.service("found", .auto, [Records.endpoint("10.1.0.4:80")])])),
            from: SourceName(.discovery))
        await store.receive(
            report(Records.all(services: [Records.service("told", .auto, [Records.endpoint("10.1.0.5:80")])])), from: SourceName(.etcd))
        await store.flush()
        let endpoints = announced.withLock { $0?.endpoints ?? [] }
        #expect(
            endpoints.map { "\($0.service.name) \($0.address) \($0.servicePort) \($0.applicationProtocol)" }.sorted() == [
                "found 10.1.0.4:80 80 auto", "wallet 10.1.0.1:8080 80 http",
            ])
    }

    @Test func theOperatorsOrderDecides() async {
        var configuration = NodeConfiguration.Registry()
        configuration.order = [SourceName(.consul), SourceName(.etcd, instance: "west")]
        let ranked = configuration.ranked([
            SourceName(.files), SourceName(.etcd), SourceName(.etcd, instance: "west"), SourceName(.consul, instance: "a"),
            SourceName(.discovery),
        ])
        #expect(ranked.map(\.description) == ["consul/a", "etcd/west", "files", "etcd", "discovery"])
    }
}
