import MeshRegistry
import MeshStores
import MeshTypes
import Testing

/// A mesh of ten thousand instances.
@Suite(.serialized)
struct EtcdScaleTests {
    private static let nodes = 20
    private static let perNode = 500

    @Test(.timeLimit(.minutes(3))) func tenThousandInstancesConverge() async throws {
        let etcd = try await EtcdServer()
        let services = (0..<50).map { "service-\($0)" }
        let identities = try await TestIdentities(services)
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
                    group.addTask {
                        var endpoints: [String: String] = [:]
                        for index in 0..<Self.perNode {
                            endpoints["10.\(node).\(index / 250).\(index % 250 + 1):8081"] = services[index % 50]
                        }
                        try await publisher.publish(.of("node-\(node)", endpoints))
                    }
                }
                try await group.waitForAll()
            }
            let written = clock.now - start
            try await reports.wait("all of them", within: .seconds(60)) { records, _ in
                records.endpoints.count == Self.nodes * Self.perNode
            }
            print(
                "10,000 instances: written in \(written), known \(clock.now - start) after the start, in \(await reports.all.count) reports"
            )
            #expect(await reports.note?.dropped == [])
        }
        let before = StoreProcess.ownMemory
        let late = EtcdSource(options, namespace: "default", trustDomain: TestIdentities.trustDomain, keys: identities.store)
        try await Reports.of(late) { reports in
            let start = clock.now
            try await reports.wait("a snapshot of all", within: .seconds(60)) { records, _ in
                records.endpoints.count == Self.nodes * Self.perNode
            }
            print("10,000 instances: read in \(clock.now - start), \(StoreProcess.ownMemory - before) KiB more in memory")
            // One more is known as soon as one of ten thousand changes.
            let change = clock.now
            etcd.put("/myelin/services/default/one-more", #"{"service":"one-more","port":80}"#)
            try await reports.wait("one more") { records, _ in records.services.count == 51 }
            print("10,000 instances: a change is known after \(clock.now - change)")
        }
        for task in running { task.cancel() }
        for task in running { await task.value }
    }
}
