import MeshRegistry
import MeshTypes
import Testing

@Suite struct RegistryMergeTests {
    private let files = SourceName(.files)
    private let etcd = SourceName(.etcd)
    private let n1 = Records.node("n1")
    private let n2 = Records.node("n2", "10.0.0.2")

    @Test func theFirstSourceGivesAttributesAndAllGiveEndpoints() throws {
        let merge = RegistryMerge([
            (
                files,
                Records.all(nodes: [n1], services: [Records.service("wallet", port: 8081, .http, [Records.endpoint("10.1.0.1:8081")])])
            ),
            (
                etcd,
                Records.all(
                    nodes: [n2], services: [Records.service("wallet", port: 8081, .auto, [Records.endpoint("10.1.0.2:9000", node: "n2")])])
            ),
        ])
        let wallet = try #require(merge.service("wallet"))
        #expect(wallet.port == 8081 && wallet.applicationProtocol == .http)
        #expect(wallet.endpoints.map(\.address.description) == ["10.1.0.1:8081", "10.1.0.2:9000"])
        #expect(merge.problemCount == 0)
    }

    @Test func otherAttributesOfALaterSourceAreAConflictAndNotUsed() throws {
        let merge = RegistryMerge([
            (files, Records.all(services: [Records.service("wallet", port: 8081, .http, at: "files")])),
            (etcd, Records.all(services: [Records.service("wallet", port: 80, .tcp, at: "etcd:/myelin/services/wallet")])),
        ])
        #expect(merge.service("wallet")?.port == 8081)
        let problem = try #require(merge.problems.first)
        #expect(problem.kind == .conflict && problem.source == etcd)
        #expect(problem.error.description.contains("etcd:/myelin/services/wallet: gives default/wallet port 80 and not 8081, protocol tcp"))
    }

    @Test func anAddressBelongsToTheServiceOfTheFirstSource() {
        let endpoint = Records.endpoint("10.1.0.1:80")
        let merge = RegistryMerge([
            (files, Records.all(nodes: [n1], services: [Records.service("wallet", port: 80, .auto, [endpoint])])),
            (
                etcd,
                Records.all(services: [
                    Records.service("thief", port: 80, .auto, [endpoint]), Records.service("wallet", port: 80, .auto, [endpoint]),
                ])
            ),
        ])
        #expect(merge.service("wallet")?.endpoints.count == 1 && merge.service("thief")?.endpoints.isEmpty == true)
        #expect(merge.problems.map(\.error.message) == ["10.1.0.1:80 is an endpoint twice"])
    }

    @Test func whatDrainsDrainsWhoeverSaysSo() {
        let merge = RegistryMerge([
            (
                files,
                Records.all(
                    nodes: [n1, n2],
                    services: [
                        Records.service(
                            "wallet", port: 80, .auto,
                            [Records.endpoint("10.1.0.1:80"), Records.endpoint("10.1.0.2:80", node: "n2"), Records.endpoint("10.1.0.3:80")])
                    ])
            ),
            (
                etcd,
                Records.all(
                    nodes: [Records.node("n2", "10.0.0.2", draining: true, announcer: "n2")],
                    services: [Records.service("wallet", port: 80, .auto, [Records.endpoint("10.1.0.3:80", draining: true)])])
            ),
        ])
        #expect(merge.service("wallet")?.endpoints.map(\.address.description) == ["10.1.0.1:80"])
        #expect(merge.service("wallet")?.draining.map(\.address.description) == ["10.1.0.2:80", "10.1.0.3:80"])
    }

    @Test func aNodeDoesNotListenToItsOwnEcho() {
        let records = Records.all(
            nodes: [Records.node("n1", draining: true, announcer: "n1"), n2],
            services: [
                Records.service(
                    "wallet", port: 80, .auto,
                    [Records.endpoint("10.1.0.1:80", announcer: "n1"), Records.endpoint("10.1.0.2:80", node: "n2", announcer: "n2")])
            ])
        let own = RegistryMerge([(etcd, records)], itself: n1.node)
        #expect(own.service("wallet")?.endpoints.map(\.address.description) == ["10.1.0.2:80"])
        #expect(own.state.nodes["n1"] == n1.node)
        let other = RegistryMerge([(etcd, records)], itself: Records.node("n3", "10.0.0.3").node)
        #expect(other.service("wallet")?.endpoints.map(\.address.description) == ["10.1.0.2:80"])
        #expect(other.service("wallet")?.draining.map(\.address.description) == ["10.1.0.1:80"])
    }

    @Test func aNodeThatDrainsTakesNoNewCallsItself() {
        let records = Records.all(nodes: [n1], services: [Records.service("wallet", port: 80, .auto, [Records.endpoint("10.1.0.1:80")])])
        let merge = RegistryMerge([(files, records)], itself: n1.node, isDraining: true)
        #expect(merge.service("wallet")?.endpoints.isEmpty == true && merge.service("wallet")?.draining.count == 1)
    }

    @Test func wrongRecordsOfAStoreAreLeftOutAndTheOthersUsed() {
        let merge = RegistryMerge([
            (
                etcd,
                Records.all(
                    nodes: [n1],
                    services: [
                        Records.service(
                            "a", port: 80, .auto, [Records.endpoint("10.1.0.1:80", node: "gone"), Records.endpoint("10.1.0.2:80")]),
                        Records.service("a", port: 80, .auto, [Records.endpoint("10.1.0.3:80")]),
                        Records.service("b", port: 80, .auto, [Records.endpoint("127.0.0.1:80"), Records.endpoint("10.1.0.9:15001")]),
                    ], workloads: [Records.workload("a", "/a"), Records.workload("nobody", "/b"), Records.workload("b", "/a")])
            )
        ])
        #expect(merge.service("a")?.endpoints.map(\.address.description) == ["10.1.0.2:80"])
        #expect(merge.service("b")?.endpoints.isEmpty == true)
        #expect(merge.state.workloads(of: "n1").map(\.cgroup) == ["/a"])
        #expect(merge.problems.map(\.kind) == [.invalid, .conflict, .invalid, .invalid, .invalid, .conflict])
    }

    @Test func problemsAreBoundedAndCounted() {
        let endpoints = (0..<1000).map { Records.endpoint("10.1.\($0 / 250).\($0 % 250 + 1):80", node: "gone") }
        let merge = RegistryMerge([(etcd, Records.all(services: [Records.service("a", port: 80, .auto, endpoints)]))])
        #expect(merge.problems.count == RegistryBounds.problems && merge.problemCount == 1000)
    }

    @Test(arguments: [UInt64](1...20))
    func aPermutationOfTheRecordsOfOneSourceGivesTheSameServices(seed: UInt64) {
        var random = FastRandom(seed: seed)
        var records = Records.many(services: 20)
        let first = RegistryMerge([(etcd, records)])
        records.services.shuffle(using: &random)
        records.nodes.shuffle(using: &random)
        #expect(RegistryMerge([(etcd, records)]).state == first.state, "seed \(seed)")
    }

    @Test func aThousandServicesAreMergedInMilliseconds() {
        let records = Records.many(services: 1000)
        let clock = ContinuousClock()
        var endpoints = 0
        let took = clock.measure {
            endpoints = RegistryMerge([(files, records), (etcd, records)]).state.services.reduce(0) { $0 + $1.endpoints.count }
        }
        #expect(endpoints == 10_000)
        // In an optimised build it is some 5 ms.
        #expect(took < .seconds(2), "\(took)")
    }
}
