import Foundation
import MeshConfig
import MeshLab
import MeshPolicy
import MeshTypes
import Testing

/// The files in systemd/examples, which operators copy.
@Suite struct ExampleTests {
    private static let directory: String = {
        let here = FileManager.default.currentDirectoryPath
        if FileManager.default.fileExists(atPath: here + "/Package.swift") { return here + "/systemd/examples" }
        return #filePath.split(separator: "/").dropLast(3).reduce("") { $0 + "/" + $1 } + "/systemd/examples"
    }()

    /// Who may call whom, from the table in the specification and not from the files. gateway may call every service.
    private static let table: [String: Set<String>] = [
        "messaging": ["usage", "storage"],
        "agent-orchestrator": ["llm-proxy", "usage"],
        "embassy": ["rwa", "usage"],
        "wallet": ["chain-rpc", "usage"],
        "router": ["agent-orchestrator", "llm-proxy"],
        "rwa": ["wallet", "usage"],
        "usage": [], "storage": [], "llm-proxy": [], "chain-rpc": [], "projects": [],
    ]

    private func examples() throws -> (NodeConfiguration, PolicySet) {
        let configuration = try NodeConfiguration.load(file: Self.directory + "/node.yaml")
        let policies = try PolicyDocuments.load(
            directory: Self.directory + "/policy", namespace: configuration.namespace, aliases: configuration.aliases)
        return (configuration, policies)
    }

    @Test func theNodesFileLoadsAndReadsBack() throws {
        let (configuration, _) = try examples()
        let scratch = try Scratch()
        let again = try NodeConfiguration.load(file: try scratch.write(configuration.rendered, to: "again.yaml"))
        #expect(again.rendered == configuration.rendered)
    }

    @Test func thePoliciesDecideEveryPairAsTheTableSays() throws {
        let (configuration, policies) = try examples()
        let names = Self.table.keys.sorted() + ["gateway"]
        #expect(Set(policies.policies.map(\.service.label)) == Set(names))
        for source in names {
            for destination in names where destination != source {
                let decision = policies.decide(
                    source: ServiceIdentity(namespace: configuration.namespace, name: try #require(ServiceName(source))),
                    destination: ServiceIdentity(namespace: configuration.namespace, name: try #require(ServiceName(destination))))
                let expected = source == "gateway" || Self.table[source]?.contains(destination) == true
                #expect(decision.permitted == expected, "\(source) to \(destination): \(decision)")
            }
        }
    }

    /// The demonstration shows what operators copy.
    @Test func theLaboratoryHasTheseVeryPolicies() throws {
        let names = try FileManager.default.contentsOfDirectory(atPath: Self.directory + "/policy").map { $0.dropLast(".yaml".count) }
        #expect(Set(names.map(String.init)) == Set(Topology.microDAOPolicies.keys))
        for (name, text) in Topology.microDAOPolicies {
            #expect(try String(contentsOfFile: "\(Self.directory)/policy/\(name).yaml", encoding: .utf8) == text)
        }
        #expect(Topology.microDAO.services.allSatisfy { $0.policy == Topology.microDAOPolicies[$0.name] })
    }

    @Test func theTrafficRulesAreTheTables() throws {
        let (_, policies) = try examples()
        func policy(_ name: String) throws -> ServicePolicy { try #require(policies.policies.first { $0.service.label == name }) }
        #expect(try policy("wallet").timeouts.request == .seconds(1) && policy("wallet").retries?.attempts == 0)
        #expect(try policy("wallet").circuitBreaker == .high)
        #expect(try policy("embassy").timeouts.request == .milliseconds(500) && policy("embassy").retries?.attempts == 1)
        #expect(try policy("embassy").rateLimit == ServicePolicy.RateLimit(requests: 500, period: .seconds(60), reach: .global))
        #expect(try policy("agent-orchestrator").retries?.attempts == 0 && policy("agent-orchestrator").queue?.limit == 100)
        #expect(try policy("router").concurrency != nil && (1...2).contains(try #require(policy("router").retries).attempts))
        #expect(policies.policies.allSatisfy { $0.mutualTLS == .required })
    }
}
