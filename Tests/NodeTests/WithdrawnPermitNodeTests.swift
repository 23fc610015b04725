import Foundation
import MeshLab
import Testing

/// An unprivileged workload holds on to what was permitted when its rules change.
@Suite(.serialized) final class WithdrawnPermitNodeTests {
    /// Seconds from the write of a policy file, which the daemon must notice and compile, to the end of what it forbids.
    private static let bound = 3.0

    private let lab: Lab

    init() throws {
        func echo(_ name: String, _ port: UInt16, on node: String) -> Topology.Service {
            Topology.Service(
                name, port: port, program: .command([Binaries.load, "echo", "--listen", "[::]:\(port)"]), on: [.pod(node)],
                policy: "allow: []\n")
        }
        var web = Topology.Service("web", port: 7002, program: .steerable, on: [.pod("node-2")], policy: "allow: []\n")
        web.applicationProtocol = "http"
        let callers = ["caller", "friend"].enumerated().map { index, name in
            Topology.Service(
                name, port: UInt16(7008 + index), program: .idle, on: [.pod("node-1")], policy: "allow: [far, near, web]\n")
        }
        let services = [echo("far", 7000, on: "node-2"), echo("near", 7001, on: "node-1"), web] + callers
        lab = try Lab.raise(Topology(nodes: Topology.twoNodes, services: services), name: "withdrawn")
        try lab.startDaemons()
    }

    deinit { try? lab.lower() }

    /// Sends a byte and awaits it, again and again; says when that ended.
    private static let bytes = """
        import socket, sys, time
        s = socket.create_connection((sys.argv[1], int(sys.argv[2])), 5)
        s.settimeout(10)
        print('begun', flush=True)
        try:
            while True:
                s.sendall(b'x')
                if s.recv(1) != b'x': raise OSError('closed')
                time.sleep(0.02)
        except OSError as error:
            print('ended', time.time(), error, flush=True)
        """

    /// Asks on one connection that it never gives up; says what came in place of 200, and when.
    private static let requests = """
        import http.client, sys, time
        c = http.client.HTTPConnection(sys.argv[1], int(sys.argv[2]), timeout=10)
        first = True
        while True:
            c.request('POST', '/', b'x')
            answer = c.getresponse()
            answer.read()
            if answer.status != 200:
                print('ended', time.time(), answer.status, answer.getheader('x-myelin-reason'), flush=True)
                break
            if first: print('begun', flush=True)
            first = False
            time.sleep(0.02)
        """

    private struct Attacker {
        let process: ChildProcess
        let output: String
        var text: String { (try? String(contentsOfFile: output, encoding: .utf8)) ?? "" }

        /// Seconds since the epoch.
        var ended: Double? {
            text.split(separator: "\n").first { $0.hasPrefix("ended") }.flatMap { Double($0.split(separator: " ")[1]) }
        }
    }

    private func hold(_ script: String, _ service: String, from caller: String) throws -> Attacker {
        let target = lab.workload(service)
        let started = try lab.spawnAttacker(
            in: .workload(lab.workload(caller)), ["/usr/bin/python3", "-c", script, service, "\(target.port)"])
        let attacker = Attacker(process: started.process, output: started.output)
        #expect(try eventually { attacker.text.contains("begun") }, "\(attacker.text)")
        return attacker
    }

    /// Waits for the end of what was forbidden at `start`, and looks at what was not.
    private func expect(_ held: Attacker, endsAfter start: Date, while neighbour: Attacker) throws {
        #expect(try eventually(10) { held.ended != nil })
        #expect((held.ended ?? .infinity) - start.timeIntervalSince1970 < Self.bound, "\(held.text)")
        usleep(300_000)
        #expect(neighbour.ended == nil, "\(neighbour.text)")
    }

    @Test(arguments: [true, false]) func aConnectionToAnotherNodeEnds(isCalleesNodeAlone: Bool) throws {
        let held = try hold(Self.bytes, "far", from: "caller")
        let neighbour = try hold(Self.bytes, "far", from: "friend")
        let start = Date()
        try lab.write(policy: "allow: []\ndeny: [caller]\n", of: "far", on: isCalleesNodeAlone ? lab.nodes[1] : nil)
        try expect(held, endsAfter: start, while: neighbour)
        let node = lab.nodes[isCalleesNodeAlone ? 1 : 0]
        // Where both deny it the quicker one ends it, and the caller's node may learn of it by the other's word.
        let reasons = isCalleesNodeAlone ? ["denied"] : ["denied", "permit_withdrawn"]
        #expect(
            try eventually {
                self.lab.accessLog(node).contains { line in line.contains("reset") && reasons.contains { line.contains($0) } }
            })
    }

    @Test func aDirectConnectionEnds() throws {
        let held = try hold(Self.bytes, "near", from: "caller")
        let neighbour = try hold(Self.bytes, "near", from: "friend")
        let start = Date()
        try lab.write(policy: "allow: []\ndeny: [caller]\n", of: "near", on: lab.nodes[0])
        try expect(held, endsAfter: start, while: neighbour)
        #expect(
            try eventually {
                self.lab.accessLog(self.lab.nodes[0]).contains { ["direct", "reset", "denied"].allSatisfy($0.contains) }
            })
    }

    @Test(arguments: [true, false]) func requestsOnAConnectionThatIsKeptEnd(isCalleesNodeAlone: Bool) throws {
        let held = try hold(Self.requests, "web", from: "caller")
        let neighbour = try hold(Self.requests, "web", from: "friend")
        let start = Date()
        try lab.write(policy: "allow: []\ndeny: [caller]\n", of: "web", on: isCalleesNodeAlone ? lab.nodes[1] : nil)
        try expect(held, endsAfter: start, while: neighbour)
        #expect(held.text.contains(" 403 "), "\(held.text)")
        // Where the caller's node denies it too, there is no connection at all.
        guard isCalleesNodeAlone else { return }
        let again = try lab.attack(
            from: .workload(lab.workload("caller")), ["curl", "-sS", "--noproxy", "*", "-D", "-", "--max-time", "5", "http://web:7002/"])
        #expect(again.output.contains("403") && again.output.contains("denied"), "\(again)")
    }

    @Test func whatStaysPermittedOutlivesFiftyChanges() throws {
        let held = try ["far", "near"].map { try hold(Self.bytes, $0, from: "friend") }
        let asking = try hold(Self.requests, "web", from: "friend")
        for round in 0..<50 {
            let policy = round % 2 == 0 ? "allow: []\ndeny: [caller]\n" : "allow: []\n"
            for name in ["far", "near", "web"] { try lab.write(policy: policy, of: name) }
            usleep(100_000)
        }
        sleep(1)
        for attacker in held + [asking] { #expect(attacker.ended == nil, "\(attacker.text)") }
    }
}
