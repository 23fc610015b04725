import Foundation
import MeshLab
import Testing

/// A workload, without any privilege, tries to reach name servers of its own choice, and to carry data out in names.
@Suite(.serialized) final class NamesEgressNodeTests {
    private let lab: Lab
    private let node: LabNode
    private let resolverFile: String
    /// Stands in the node's file.
    private static let proper = "127.0.0.2"
    private static let other = "127.0.0.3"
    /// Where nobody of the mesh may ask: the node's own resolver, a cloud's, one outside.
    private static let forbidden = ["127.0.0.1", "169.254.169.254", "198.51.100.53"]

    init() throws {
        resolverFile = NSTemporaryDirectory() + "myelin-resolv-\(UUID().uuidString).conf"
        try Data("nameserver \(Self.proper)\n".utf8).write(to: URL(fileURLWithPath: resolverFile))
        var nodes = Topology.twoNodes
        nodes[0].names = "resolv_conf: \(resolverFile)"
        let policy = "allow: []\ndns: {names: [www.proper.example, \"*.smuggled.example\"]}\n"
        let services = [
            Topology.Service("pod", port: 7009, program: .idle, on: [.pod("node-1")], policy: policy),
            Topology.Service("unit", port: 7010, program: .idle, on: [.host("node-1")], policy: policy),
            Topology.Service("closed", port: 7011, program: .idle, on: [.pod("node-1")], policy: "allow: []\n"),
        ]
        lab = try Lab.raise(Topology(nodes: nodes, services: services), name: "egressnames")
        node = lab.node("node-1")
        try startServers()
        try lab.startDaemons()
    }

    deinit {
        try? lab.lower()
        unlink(resolverFile)
    }

    private func startServers() throws {
        try onNode("ip addr add 169.254.169.254/32 dev lo && ip addr add 198.51.100.53/32 dev lo")
        try startDnsmasq("proper", on: [Self.proper], answer: "192.0.2.1")
        try startDnsmasq("other", on: [Self.other], answer: "192.0.2.2")
        try startDnsmasq("forbidden", on: Self.forbidden, answer: "192.0.2.66")
    }

    /// Answers every name, and writes down what it is asked.
    private func startDnsmasq(_ name: String, on addresses: [String], answer: String) throws {
        let file = "\(lab.directory)/\(name).conf"
        let listeners = addresses.map { "listen-address=\($0)" }.joined(separator: "\n")
        try Data(
            """
            no-resolv
            no-hosts
            no-daemon
            user=root
            bind-interfaces
            \(listeners)
            port=53
            log-queries
            log-facility=\(lab.directory)/\(name).log
            address=/#/\(answer)
            """.utf8
        ).write(to: URL(fileURLWithPath: file))
        try onNode("dnsmasq --conf-file=\(file) >\(lab.directory)/\(name).out 2>&1 &")
        try onNode(
            "for i in $(seq 200); do ss -Hltn 'src \(addresses[0]) and sport = :53' | grep -q . && exit 0; sleep 0.02; done; exit 1")
    }

    private func onNode(_ command: String) throws {
        let result = try lab.runOnNode(node, ["sh", "-c", command])
        try #require(result.succeeded, "\(command): \(result)")
    }

    private func asked(_ server: String) throws -> [String] {
        try String(contentsOfFile: "\(lab.directory)/\(server).log", encoding: .utf8).lowercased().split(separator: "\n").map(String.init)
            .filter { $0.contains(": query[") }
    }

    /// The lines of `Peers/dns_smuggler.py`.
    private func attack(from workload: String, _ servers: [String], _ names: [String]) throws -> [String] {
        let program = Bundle.module.path(forResource: "Peers/dns_smuggler", ofType: "py") ?? "dns_smuggler"
        let text = try String(contentsOfFile: program, encoding: .utf8)
        let result = try lab.attack(
            from: .workload(lab.workload(workload)),
            ["/usr/bin/python3", "-c", text, servers.joined(separator: ","), names.joined(separator: ",")], timeout: .seconds(60))
        try #require(result.succeeded, "\(result)")
        return result.output.split(separator: "\n").map(String.init)
    }

    @Test func noServerOfAWorkloadsChoiceIsEverAsked() throws {
        for workload in ["pod", "unit", "closed"] {
            let lines = try attack(from: workload, Self.forbidden, ["www.proper.example", "stolen.evil.example"])
            #expect(lines.count == 12)
            for line in lines {
                let isListed = workload != "closed" && line.contains("www.proper.example")
                #expect(line.hasSuffix(isListed ? "example 0 192.0.2.1" : "example 3 -"), "\(workload): \(line)")
            }
        }
        #expect(try asked("forbidden").isEmpty)
        let seen = try asked("proper").filter { !$0.contains("query[ns]") }
        #expect(!seen.isEmpty && seen.allSatisfy { $0.contains("www.proper.example from") }, "\(seen)")
        let log = try String(contentsOfFile: node.daemonLog, encoding: .utf8).split(separator: "\n").filter { $0.contains("name_refused") }
        #expect(log.contains { $0.contains("stolen.evil.example") && $0.contains("closed") }, "\(log)")
        let metrics = try lab.metrics(node)
        #expect(
            metrics.split(separator: "\n").contains {
                $0.hasPrefix("myelin_dns_names_refused_total{source_workload=\"closed\"") && $0.contains("why=\"not_listed\"")
            })
        #expect(try lab.control(node, ["dns"]).output.contains("not_listed"))
    }

    /// Data in labels, below a wildcard that is the service's own.
    @Test func dataInNamesStaysOnTheNode() throws {
        let lines = try attack(from: "pod", [Self.forbidden[2]], ["random", "api.smuggled.example"])
        #expect(lines.filter { $0.contains(" 3 -") }.count == 203, "two hundred over UDP, three over TCP")
        #expect(lines.contains { $0.hasSuffix("udp api.smuggled.example 0 192.0.2.1") }, "an ordinary name is asked")
        #expect(try asked("forbidden").isEmpty)
        #expect(try asked("proper").filter { $0.contains("smuggled") }.count == 1)
        let log = try String(contentsOfFile: node.daemonLog, encoding: .utf8).split(separator: "\n").filter { $0.contains("name_refused") }
        #expect((1...12).contains(log.count), "a flood of refusals is no flood of lines: \(log.count)")
    }

    /// The node's file is followed, and nothing takes its place when it names nobody.
    @Test func theNodesOwnFileIsFollowed() throws {
        func address() throws -> String {
            try attack(from: "pod", [Self.forbidden[0]], ["x\(UUID().uuidString.prefix(4)).smuggled.example"])[0].split(separator: " ")
                .suffix(2)
                .joined(separator: " ")
        }
        func follow(_ content: String, _ expected: String) throws {
            try Data(content.utf8).write(to: URL(fileURLWithPath: resolverFile))
            var found = try address()
            for _ in 0..<60 where found != expected {
                Thread.sleep(forTimeInterval: 0.2)
                found = try address()
            }
            #expect(found == expected)
        }
        #expect(try address() == "0 192.0.2.1")
        try follow("nameserver \(Self.other)\n", "0 192.0.2.2")
        try follow("search example.com\n", "2 -")
        #expect(try lab.control(node, ["status"]).output.contains("names no server"))
        #expect(try asked("forbidden").isEmpty)
    }
}
