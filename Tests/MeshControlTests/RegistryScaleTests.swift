import Foundation
import MeshBPF
import MeshConfig
import MeshControl
import MeshPolicy
import MeshRegistry
import MeshSnapshot
import MeshTypes
import Testing

/// A mesh of 1,000 services with 10 endpoints each, from the sources' records to what workers and the kernel get.
@Suite struct RegistryScaleTests {
    private static let services = 1000
    private static let endpoints = 10
    private static let nodes = 100

    private let records: RegistryRecords
    private let node: Node

    init() {
        var records = RegistryRecords()
        let place = RuleLocation(file: "etcd:/myelin/x", line: 0, column: 0)
        for index in 0..<Self.nodes {
            let locality = Locality(region: "r", zone: "z\(index % 3)", node: "n\(index)")
            let node = Node(locality: locality, tunnel: SocketAddress("10.255.0.\(index + 1):15008")!)
            records.nodes.append(RegistryRecords.NodeRecord(node: node, location: place))
        }
        records.services = (0..<Self.services).map { service in
            let endpoints = (0..<Self.endpoints).map { index in
                RegistryRecords.EndpointRecord(
                    address: IPAddress(v4: 0x0a00_0000 + UInt32(service * Self.endpoints + index)), port: 8080,
                    node: "n\((service + index) % Self.nodes)", location: place)
            }
            return RegistryRecords.Service(
                identity: ServiceIdentity(namespace: "default", name: ServiceName("s\(service)")!), port: 80, applicationProtocol: .http,
                endpoints: endpoints, location: place)
        }
        self.records = records
        node = records.nodes[0].node
    }

    /// The bounds are for builds without optimisation on a busy machine; docs/registry.md has the figures of a release build.
    @Test func recordsBecomeASnapshotQuickly() {
        let clock = ContinuousClock()
        var state = RegistryState.empty
        let merging = clock.measure { state = RegistryMerge([(SourceName(.etcd), records)], itself: node).state }
        let comparing = clock.measure { #expect(state == RegistryMerge([(SourceName(.etcd), records)], itself: node).state) }
        let before = Self.residentBytes()
        var builder = SnapshotBuilder(
            node: node, trustDomain: "t", clusterDomain: "cluster.local", numbers: ServiceNumbers(),
            policy: PolicySet([], namespace: "default"))
        builder.registry = state
        var snapshot = builder.build(generation: 1, addresses: [:])
        let building = clock.measure { snapshot = builder.build(generation: 2, addresses: [:]) }
        var tables = KernelTables(snapshot, workloads: [], direct: true)
        let tabling = clock.measure { tables = KernelTables(snapshot, workloads: [], direct: true) }
        print(
            "\(Self.services) x \(Self.endpoints): merge \(merging), merge and compare \(comparing), snapshot \(building), tables \(tabling),",
            "\((Self.residentBytes() - before) >> 10) KiB more for two snapshots")
        #expect(snapshot.allServices.count == Self.services && tables.destinations.count == Self.services * Self.endpoints)
        #expect(merging + building + tabling < .seconds(5))
    }

    private static func residentBytes() -> Int {
        let fields = ((try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8)) ?? "").split(separator: " ")
        return fields.count > 1 ? (Int(fields[1]) ?? 0) * 4096 : 0
    }
}
