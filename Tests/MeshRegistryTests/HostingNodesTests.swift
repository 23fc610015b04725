import Foundation
import MeshConfig
import MeshRegistry
import MeshTypes
import Testing

/// On which nodes a service may run, and so get its certificate (R1.5).
@Suite struct HostingNodesTests {
    private let files = SourceName(.files)
    private let etcd = SourceName(.etcd)
    private let wallet = Records.identity("wallet")

    private func read(_ text: String) throws -> RegistryRecords {
        try RecordDocument.read(Array(text.utf8), place: "etcd:/myelin/services/default/wallet", namespace: "default")
    }

    @Test func whereNothingIsSaidOnlyARegisteredWorkloadPlacesTheService() throws {
        var records = try read("{service: wallet, port: 80}")
        records.nodes = [Records.node("n1"), Records.node("n2", "10.0.0.2")]
        records.services[0].endpoints = [Records.endpoint("10.1.0.1:80", node: "n2")]
        records.workloads = [Records.workload("wallet", "/a", node: "n1")]
        let state = RegistryMerge([(files, records)]).state
        #expect(state.places(wallet, on: "n1"))
        #expect(!state.places(wallet, on: "n2"), "an endpoint places nothing: nodes announce those themselves")
        #expect(!state.places(Records.identity("usage"), on: "n1"))
    }

    @Test func anOperatorNamesNodesOrAny() throws {
        let named = RegistryMerge([(etcd, try read("{service: wallet, port: 80, nodes: [n1, n3]}"))]).state
        #expect(named.places(wallet, on: "n1") && named.places(wallet, on: "n3") && !named.places(wallet, on: "n2"))
        let any = RegistryMerge([(etcd, try read("{service: wallet, port: 80, nodes: any}"))]).state
        #expect(any.places(wallet, on: "n2") && !any.places(Records.identity("usage"), on: "n2"))
        let none = RegistryMerge([(etcd, try read("{service: wallet, port: 80, nodes: []}"))]).state
        #expect(!none.places(wallet, on: "n1"))
    }

    @Test func theFirstSourceThatSaysSomethingCounts() throws {
        let silent = try read("{service: wallet, port: 80}")
        let first = try read("{service: wallet, port: 80, nodes: [n1]}")
        let second = try read("{service: wallet, port: 80, nodes: any}")
        #expect(RegistryMerge([(files, silent), (etcd, first)]).state.places(wallet, on: "n1"))
        let both = RegistryMerge([(files, first), (etcd, second)]).state
        #expect(both.places(wallet, on: "n1") && !both.places(wallet, on: "n2"))
    }

    @Test(arguments: ["{service: wallet, port: 80, nodes: some}", "{service: wallet, port: 80, nodes: {n1: yes}}"])
    func anythingElseIsRefused(_ text: String) {
        #expect(throws: DocumentErrors.self) { try read(text) }
    }

    @Test func outlivesARestartWithTheRecords() throws {
        let directory = NSTemporaryDirectory() + "hosting-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let archive = RecordArchive(directory: directory)
        for hosting in ["[n1, n3]", "any", "[]"] {
            let records = try read("{service: wallet, port: 80, nodes: \(hosting)}")
            try archive.keep(records, of: etcd, said: Date())
            #expect(try archive.load(etcd)?.records == records, "\(hosting)")
        }
    }
}
