import Foundation
import MeshLab
import Testing

/// R1.5: two nodes whose identities a SPIFFE agent gives, in place of an authority of the mesh.
@Suite(.serialized) final class SPIFFEAgentNodeTests {
    private static let name = "agents"
    private static let ids = ["caller", "hash", "echo"].map { "spiffe://daarion.city/ns/default/sa/\($0)" }

    private let lab: Lab
    private let directory: String
    private var agents: [PythonPeers.Running] = []

    init() throws {
        try #require(PythonPeers.isThere, "run scripts/peers.sh .build/peers")
        directory = "/tmp/myelin-agents-\(UUID().uuidString.prefix(8))"
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        var topology = Topology(
            nodes: Topology.twoNodes,
            services: [
                Topology.Service("caller", port: 7009, program: .idle, on: [.pod("node-1")], policy: "allow: [hash, echo]\n"),
                Topology.Service(
                    "echo", port: 7002, program: .command([Binaries.load, "echo", "--listen", "[::]:7002"]), on: [.pod("node-2")],
                    policy: nil),
                Topology.Service(
                    "hash", port: 7001, program: .command([Binaries.load, "hash-serve", "--listen", "[::]:7001"]), on: [.pod("node-2")],
                    policy: nil),
            ])
        for index in topology.nodes.indices { topology.nodes[index].agent = "\(directory)/agent-\(index).sock" }
        lab = try Lab.raise(topology, name: Self.name)
        for index in 0...1 {
            try register(Self.ids, with: index)
            try startAgent(index)
        }
        try lab.startDaemons()
    }

    deinit {
        for agent in agents { agent.end() }
        try? lab.lower()
        try? FileManager.default.removeItem(atPath: directory)
    }

    private func register(_ entries: [String], with agent: Int) throws {
        try (entries.joined(separator: "\n") + "\n").write(toFile: "\(directory)/entries-\(agent)", atomically: true, encoding: .utf8)
    }

    private func startAgent(_ index: Int) throws {
        let socket = "\(directory)/agent-\(index).sock"
        unlink(socket)
        let agent = try PythonPeers.Running(
            [PythonPeers.program("spiffe_agent"), socket, directory + "/authority", "\(directory)/entries-\(index)"],
            log: "\(directory)/agent-\(index).log")
        try #require(agent.awaitOutput { $0.contains("serving") }, "\(agent.output)")
        agents.append(agent)
    }

    private func call() throws -> CommandResult {
        try lab.run(
            in: lab.workload("caller"), [Binaries.load, "send", "--connect", "hash:7001", "--bytes", "100000", "--timeout", "5"])
    }

    private func awaitCall(_ succeeds: Bool) throws -> CommandResult {
        var result = try call()
        for _ in 0..<100 where result.succeeded != succeeds {
            usleep(100_000)
            result = try call()
        }
        return result
    }

    private func awaitControl(_ node: Int, _ command: String, _ isIt: (String) -> Bool) throws -> String {
        var text = ""
        for _ in 0..<100 {
            text = try lab.control(lab.nodes[node], [command]).output
            if isIt(text) { break }
            usleep(100_000)
        }
        return text
    }

    @Test func callsGoWithSVIDsOfTheAgentAndOutliveIt() throws {
        var result = try awaitCall(true)
        #expect(result.succeeded, "\(result); \(lab.daemonLogTail(lab.nodes[0]))")
        var line: String?
        for _ in 0..<50 where line == nil {
            usleep(100_000)
            line = lab.accessLog(lab.nodes[1]).last { $0.contains(Self.ids[0]) }
        }
        #expect(line?.contains("\"identity_verified\":true") == true, "\(line ?? "no line")")
        #expect(!FileManager.default.fileExists(atPath: lab.directory + "/ca/root.key"), "no authority of the mesh was made")
        var check = try lab.control(lab.nodes[0], ["check"]).output
        #expect(check.contains("gives this node its SVIDs"), "\(check)")

        for agent in agents { agent.end() }
        check = try awaitControl(0, "check") { $0.contains("is away") }
        #expect(check.contains("is away") && check.contains("its last SVIDs serve"), "\(check)")
        result = try call()
        #expect(result.succeeded, "the last SVIDs serve: \(result)")
        let metrics = try lab.metrics(lab.nodes[0])
        #expect(metrics.contains("myelin_spiffe_agent_available 0"))

        // A new agent has a new intermediate and gives new SVIDs; calls go on.
        for index in 0...1 { try startAgent(index) }
        check = try awaitControl(0, "check") { $0.contains("gives this node its SVIDs") }
        #expect(check.contains("gives this node its SVIDs"), "\(check)")
        result = try awaitCall(true)
        #expect(result.succeeded, "\(result)")
    }

    @Test func whatTheAgentTakesBackIsNotUsedAnyMore() throws {
        #expect(try awaitCall(true).succeeded)
        let live = try openConnection()
        try register(Array(Self.ids.dropFirst()), with: 0)
        #expect(live.wait(timeout: .seconds(10)) != nil, "a connection that was open ends")
        #expect(try !awaitCall(false).succeeded)
        let certificates = try lab.control(lab.nodes[0], ["certificates"]).output
        #expect(certificates.contains("has no SVID for \(Self.ids[0])"), "\(certificates)")
        let check = try lab.control(lab.nodes[0], ["check"]).output
        #expect(check.contains("has no SVID for \(Self.ids[0])"), "\(check)")
        try register(Self.ids, with: 0)
        let result = try awaitCall(true)
        #expect(result.succeeded, "\(result)")
    }

    /// An agent that had given SVIDs and knows none any more has taken all of them back.
    @Test func aDenialTakesBackAll() throws {
        #expect(try awaitCall(true).succeeded)
        let live = try openConnection()
        try register([], with: 0)
        #expect(live.wait(timeout: .seconds(10)) != nil, "a connection that was open ends")
        #expect(try !awaitCall(false).succeeded)
        let check = try awaitControl(0, "check") { $0.contains("knows no identity of this daemon") }
        #expect(check.contains("knows no identity of this daemon") && check.contains("no identity issued"), "\(check)")
        try register(Self.ids, with: 0)
        #expect(try awaitCall(true).succeeded)
    }

    /// To the echo, through a tunnel of the caller's; it has carried something when this returns.
    private func openConnection() throws -> ChildProcess {
        let callee = lab.workload("echo")
        let program = """
            import socket, time
            s = socket.create_connection(('\(callee.ipv4)', \(callee.port)))
            while True:
                s.sendall(b'x')
                if not s.recv(1): break
                print('.', end='', flush=True); time.sleep(0.1)
            """
        let (process, output) = try lab.spawn(in: lab.workload("caller"), ["/usr/bin/python3", "-c", program])
        for _ in 0..<100 where (try? String(contentsOfFile: output, encoding: .utf8).contains(".")) != true { usleep(50_000) }
        #expect(process.wait(timeout: .milliseconds(200)) == nil, "the connection is open")
        return process
    }

    @Test func anSVIDThatBreaksTheRulesIsRefusedWithTheReason() throws {
        let flaws = [
            ("two-names", "2 URI names"), ("authority", "is an authority's"), ("other-key", "not the one of its certificate"),
            ("no-usage", "key usage"),
        ]
        for (flaw, reason) in flaws {
            try register([Self.ids[0], Self.ids[1] + " " + flaw], with: 1)
            let check = try awaitControl(1, "check") { $0.contains(reason) }
            #expect(check.contains(reason), "\(check)")
            #expect(try !call().succeeded)
            #expect(lab.daemonLogTail(lab.nodes[1]).contains(reason))
        }
    }
}
