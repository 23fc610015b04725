import Foundation
import MeshBPF
import MeshBalancing
import MeshControl
import MeshPolicy
import MeshRegistry
import MeshSnapshot
import MeshTypes
import Testing

/// What the kernel is told of a snapshot.
@Suite struct KernelTablesTests {
    private let node = Node(locality: Locality(region: "r", zone: "a", node: "n1"), tunnel: SocketAddress("10.0.0.1:15008")!)
    private let numbers = ServiceNumbers()
    private static let place = RuleLocation(file: "p.yaml", line: 1, column: 1)

    private func identity(_ name: String) -> ServiceIdentity { ServiceIdentity(namespace: "default", name: ServiceName(name)!) }

    private static var registry: RegistryState {
        get throws {
            let file = NSTemporaryDirectory() + "myelin-control-" + UUID().uuidString + ".yaml"
            defer { try? FileManager.default.removeItem(atPath: file) }
            try """
            nodes: [{name: n1, address: 10.0.0.1, zone: a, region: r}, {name: n2, address: 10.0.0.2, zone: b, region: r}]
            services:
              - {service: wallet, port: 8081, protocol: tcp, endpoints: [{address: 10.0.1.1, node: n1}, {address: 10.0.2.1, node: n2}]}
              - {service: usage, port: 8082, endpoints: [{address: 10.0.0.1, node: n1}]}
              - {service: empty, port: 8083}
            """.write(toFile: file, atomically: true, encoding: .utf8)
            return try RegistryDocuments.load(path: file, namespace: "default")
        }
    }

    private func workload(_ name: String, _ addresses: [String], host: Bool = false, id: UInt32) -> EnrolledWorkload {
        EnrolledWorkload(
            id: WorkloadID(rawValue: id),
            workload: Workload(service: identity(name), cgroup: "/\(name)", networkNamespace: nil, sharesNodeNamespace: host),
            service: numbers.number(of: identity(name))!, cgroup: UInt64(id), namespace: host ? .node : NamespaceIndex(rawValue: id),
            addresses: Set(addresses.map { IPAddress($0)! }), permissive: false)
    }

    private func snapshot(_ workloads: [EnrolledWorkload], health: HealthRules? = nil) throws -> Snapshot {
        var builder = SnapshotBuilder(
            node: node, trustDomain: "t", clusterDomain: "cluster.local", numbers: numbers, policy: policy(health: health))
        builder.registry = try Self.registry
        builder.workloads = workloads
        return builder.build(
            generation: 1, addresses: [identity("wallet"): [IPAddress("240.64.0.1")!], identity("empty"): [IPAddress("240.64.0.3")!]])
    }

    /// - Parameter health: what wallet's policy asks for.
    private func policy(health: HealthRules?) -> PolicySet {
        var wallet = ServicePolicy(service: ServiceName("wallet")!, location: Self.place)
        wallet.health = health
        var usage = ServicePolicy(service: ServiceName("usage")!, location: Self.place)
        usage.allow = [PolicyRule(peer: .service(ServiceName("wallet")!), location: Self.place)]
        usage.deny = [PolicyRule(peer: .service(ServiceName("empty")!), location: Self.place)]
        return PolicySet([usage, wallet], namespace: "default")
    }

    @Test func verdictsAreWrittenForTheCallersOfThisNodeOnly() throws {
        let workloads = [workload("usage", ["10.0.0.1"], host: true, id: 1)]
        let snapshot = try snapshot(workloads)
        let tables = KernelTables(snapshot, workloads: workloads, direct: true)
        let usage = try #require(snapshot.identifier(identity("usage")))
        let wallet = try #require(snapshot.identifier(identity("wallet")))
        let empty = try #require(snapshot.identifier(identity("empty")))
        #expect(tables.verdicts[VerdictKey(source: usage, destination: wallet)] == .proxy)
        #expect(tables.verdicts[VerdictKey(source: usage, destination: empty)] == .deny(.denied))
        #expect(tables.verdicts[VerdictKey(source: usage, destination: usage)] == .deny(.notAllowed))
        #expect(!tables.verdicts.keys.contains { $0.source == wallet })
    }

    @Test func permittedCallsWithinTheNodeAreDirectUnlessThatIsOff() throws {
        let workloads = [workload("usage", ["10.0.0.1"], host: true, id: 1), workload("wallet", ["10.0.1.1"], id: 2)]
        let snapshot = try snapshot(workloads)
        let usage = try #require(snapshot.identifier(identity("usage")))
        let wallet = try #require(snapshot.identifier(identity("wallet")))
        let key = VerdictKey(source: usage, destination: wallet)
        let direct = KernelTables(snapshot, workloads: workloads, direct: true)
        #expect(direct.verdicts[key] == .direct)
        #expect(direct.localEndpoints[wallet] == [SocketAddress("10.0.1.1:8081")!])
        // It may turn out to be HTTP, so the daemon must see it.
        let usageNode = VerdictKey(source: wallet, destination: usage)
        #expect(direct.verdicts[usageNode] != .direct && direct.localEndpoints[usage] == nil)
        let proxied = KernelTables(snapshot, workloads: workloads, direct: false)
        #expect(proxied.verdicts[key] == .proxy && proxied.localEndpoints.isEmpty)
    }

    /// The kernel knows nothing of readiness.
    @Test func callsToAServiceThatIsCheckedGoThroughTheDaemon() throws {
        let workloads = [workload("usage", ["10.0.0.1"], host: true, id: 1), workload("wallet", ["10.0.1.1"], id: 2)]
        let check = HealthCheck(probe: .tcp, interval: .seconds(1), timeout: .seconds(1), unhealthy: 1, healthy: 1)
        let snapshot = try snapshot(workloads, health: HealthRules(readiness: check, liveness: nil))
        let usage = try #require(snapshot.identifier(identity("usage")))
        let wallet = try #require(snapshot.identifier(identity("wallet")))
        let tables = KernelTables(snapshot, workloads: workloads, direct: true)
        #expect(tables.verdicts[VerdictKey(source: usage, destination: wallet)] == .proxy && tables.localEndpoints[wallet] == nil)
    }

    @Test func aServiceWithoutEndpointsIsDeadAndEndpointsAreMarked() throws {
        let tables = KernelTables(try snapshot([]), workloads: [], direct: true)
        #expect(tables.destinations[SocketAddress("240.64.0.3:8083")!]?.dead == true)
        #expect(tables.destinations[SocketAddress("240.64.0.1:8081")!]?.dead == false)
        #expect(tables.destinations[SocketAddress("240.64.0.1:8081")!]?.isEndpoint == false)
        #expect(tables.destinations[SocketAddress("10.0.2.1:8081")!]?.isEndpoint == true)
        #expect(tables.destinations[SocketAddress("10.0.2.1:9999")!] == nil)
    }

    @Test func portsOfTheNodesNamespaceBelongToWorkloadsThatShareItWhereTheirEndpointsAre() throws {
        let here = [workload("usage", ["10.0.0.1"], host: true, id: 7)]
        let tables = KernelTables(try snapshot(here), workloads: here, direct: true)
        #expect(tables.nodePorts[8082]?.workload == WorkloadID(rawValue: 7))
        #expect(tables.destinations[SocketAddress("127.0.0.1:8082")!] != nil)
        // An endpoint whose address is not in the namespace is not this workload's.
        let elsewhere = [workload("usage", ["10.0.0.99"], host: true, id: 7)]
        #expect(KernelTables(try snapshot(elsewhere), workloads: elsewhere, direct: true).nodePorts.isEmpty)
    }

    @Test func numbersStayWithTheirServices() {
        let first = numbers.number(of: identity("a"))
        _ = numbers.number(of: identity("b"))
        #expect(numbers.number(of: identity("a")) == first)
        #expect(first.flatMap(numbers.identity) == identity("a"))
        #expect(numbers.identity(of: .none) == nil)
    }
}
