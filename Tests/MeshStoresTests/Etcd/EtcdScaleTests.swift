import MeshRegistry
import MeshStores
import MeshTypes
import Testing

/// A mesh of 1,000 services with ten instances each, on twenty nodes. `make bench` has the figures (`--tables registry`).
@Suite(.serialized)
struct EtcdScaleTests {
    private static let services = 1_000
    private static let instances = 10
    private static let nodes = 20
    private static let all = services * instances
    /// For machines that are slower than any that this runs on: it takes less than 5 s where it was written.
    private static let bound = Duration.seconds(12)

    private static func announcement(of node: Int) -> NodeAnnouncement {
        var endpoints: [String: String] = [:]
        for service in 0..<services {
            for instance in 0..<instances where (service + 2 * instance) % nodes == node {
                endpoints["10.\(instance).\(service / 250).\(service % 250 + 1):8081"] = "service-\(service)"
            }
        }
        return .of("node-\(node)", endpoints)
    }

    private static func count(_ records: RegistryRecords) -> Int { records.services.reduce(0) { $0 + $1.endpoints.count } }

    @Test(.timeLimit(.minutes(3))) func tenThousandInstancesConverge() async throws {
        let etcd = try await EtcdServer()
        let identities = try await TestIdentities((0..<Self.services).map { "service-\($0)" })
        var options = etcd.options
        options.lease = .seconds(60)
        options.timeout = .seconds(20)
        let clock = ContinuousClock()
        let publishers = (0..<Self.nodes).map { _ in StorePublisher(etcd: options, keys: identities.store) }
        let running = publishers.map { publisher in Task { await publisher.run() } }
        let source = EtcdSource(options, namespace: "default", trustDomain: TestIdentities.trustDomain, keys: identities.store)
        try await Reports.of(source) { reports in
            let start = clock.now
            try await withThrowingTaskGroup { group in
                for (node, publisher) in publishers.enumerated() {
                    group.addTask { try await publisher.publish(Self.announcement(of: node)) }
                }
                try await group.waitForAll()
            }
            let written = clock.now - start
            try await reports.wait("all of them", within: Self.bound) { records, _ in Self.count(records) == Self.all }
            let known = clock.now - start
            print("10,000 instances: written in \(written), known \(known) after the start, in \(await reports.all.count) reports")
            #expect(known < Self.bound)
            #expect(await reports.note?.dropped == [])
        }
        let late = EtcdSource(options, namespace: "default", trustDomain: TestIdentities.trustDomain, keys: identities.store)
        try await Reports.of(late) { reports in
            let start = clock.now
            try await reports.wait("a snapshot of all", within: Self.bound) { records, _ in Self.count(records) == Self.all }
            print("10,000 instances: read in \(clock.now - start)")
            // One more is known as soon as one of ten thousand changes.
            let change = clock.now
            etcd.put("/myelin/services/default/one-more", #"{"service":"one-more","port":80}"#)
            try await reports.wait("one more") { records, _ in records.services.count == Self.services + 1 }
            print("10,000 instances: a change is known after \(clock.now - change)")
            #expect(clock.now - change < .seconds(2))
        }
        for task in running { task.cancel() }
        for task in running { await task.value }
    }
}
