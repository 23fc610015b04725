import Foundation
import MeshConfig
import MeshRegistry
import MeshTypes
import Testing

/// A node that has the key of one service can announce any address: it takes nobody else's.
@Suite struct EndpointClaimsTests {
    private let etcd = SourceName(.etcd)
    private let address = "10.1.0.1:80"

    private func store() -> RegistryStore {
        RegistryStore(
            NodeConfiguration.Registry(), node: Records.node("n9", "10.0.0.9").node, archive: nil, note: { _ in }, apply: { _ in })
    }

    private func announced(_ service: String, by node: String, draining: Bool = false) -> RegistryRecords.Service {
        Records.service(
            service, port: 80, .auto,
            [
                Records.endpoint(
                    address, node: node, tunnel: SocketAddress("10.0.0.\(node.last!):15008")!, draining: draining, announcer: node)
            ], announced: true, at: "etcd:\(service)@\(node)")
    }

    private func report(_ services: [RegistryRecords.Service], nodes: [RegistryRecords.NodeRecord] = []) -> SourceReport {
        .records(Records.all(nodes: nodes, services: services), SourceNote())
    }

    private func owners(_ store: RegistryStore) async -> [String] {
        await store.flush()
        return await store.state.services.filter { !$0.endpoints.isEmpty }.map { "\($0.identity.name)" }
    }

    /// The thief's name stands before the victim's, and before this it won by that.
    @Test func whoHeldAnAddressKeepsItAndTheConflictIsSaid() async {
        let store = store()
        await store.receive(report([announced("wallet", by: "n1")]), from: etcd)
        #expect(await owners(store) == ["wallet"])
        let both = [announced("chain-rpc", by: "n2"), announced("wallet", by: "n1")]
        for services in [both, both.reversed(), both] {
            await store.receive(report(services), from: etcd)
            #expect(await owners(store) == ["wallet"])
            let problem = await store.problems.first
            #expect(
                problem?.kind == .conflict && problem?.error.description.contains("stands before what n2 announces") == true,
                "\(String(describing: problem))")
        }
        await store.receive(report([announced("chain-rpc", by: "n2")]), from: etcd)
        #expect(await owners(store) == ["chain-rpc"], "the address is free")
        #expect(await store.problems.isEmpty)
    }

    @Test func ofTwoThatCameAtOnceNeitherIsUsed() async {
        let store = store()
        let both = [announced("chain-rpc", by: "n2"), announced("wallet", by: "n1")]
        await store.receive(report(both), from: etcd)
        #expect(await owners(store).isEmpty)
        let problem = await store.problems.first
        #expect(problem?.error.message.contains("announced by n1 and n2 alike") == true, "\(String(describing: problem))")
        await store.receive(report(both.reversed()), from: etcd)
        #expect(await owners(store).isEmpty, "not for having been refused before")
        await store.receive(report([announced("wallet", by: "n1")]), from: etcd)
        #expect(await owners(store) == ["wallet"])
    }

    @Test func oneServiceOnTwoNodesIsAConflictToo() async throws {
        let store = store()
        await store.receive(report([announced("wallet", by: "n1")]), from: etcd)
        await store.flush()
        await store.receive(report([announced("wallet", by: "n1")]), from: etcd)
        await store.receive(report([announced("wallet", by: "n2", draining: true)]), from: SourceName(.consul))
        await store.flush()
        let wallet = try #require(await store.state.service(Records.identity("wallet")))
        #expect(wallet.endpoints.map(\.tunnel.description) == ["10.0.0.1:15008"] && wallet.draining.isEmpty, "a stranger does not drain it")
        #expect(await store.problemCount == 1)
    }

    @Test func whatIsDeclaredStandsBeforeWhatIsAnnounced() async {
        let store = store()
        await store.receive(report([announced("chain-rpc", by: "n2")]), from: etcd)
        #expect(await owners(store) == ["chain-rpc"])
        let declared = Records.service("wallet", port: 80, .auto, [Records.endpoint(address)])
        // The last of all sources.
        await store.receive(report([declared], nodes: [Records.node("n1")]), from: SourceName(.discovery))
        #expect(await owners(store) == ["wallet"])
        #expect(await store.problems.map(\.source) == [etcd])
    }

    @Test func aNodeAtWhoseDeclaredAddressItIsStandsBeforeOthers() async {
        let store = store()
        await store.receive(report([announced("chain-rpc", by: "n2")]), from: etcd)
        #expect(await owners(store) == ["chain-rpc"])
        let services = [announced("chain-rpc", by: "n2"), announced("wallet", by: "n1")]
        await store.receive(report(services, nodes: [Records.node("n1", "10.1.0.1", announcer: "n1")]), from: etcd)
        #expect(await owners(store) == ["chain-rpc"], "its own word does not count")
        await store.receive(.records(Records.all(nodes: [Records.node("n1", "10.1.0.1")]), SourceNote()), from: SourceName(.files))
        #expect(await owners(store) == ["wallet"])
    }
}
