import Foundation
import MeshLab
import Testing

/// Connections end the way they do without the mesh: the same two programs, first on the plain network and then captured, say the same.
@Suite(.serialized) final class EndingNodeTests {
    struct Scenario: Sendable, CustomTestStringConvertible {
        let name: String
        let client: String
        let server: String
        var testDescription: String { name }
    }

    static let scenarios = [
        Scenario(
            name: "client half-closes, server answers", client: "send(100_000); fin(); say(drain())",
            server: "say(drain()); send(200_000); s.close()"),
        Scenario(
            name: "server half-closes, client goes on", client: "say(drain()); send(70_000); s.close()",
            server: "send(50_000); fin(); say(drain())"),
        Scenario(
            name: "both half-close at once", client: "send(10); fin(); say(drain())", server: "send(20); fin(); say(drain())"),
        Scenario(name: "client closes at once", client: "s.close()", server: "say(drain())"),
        Scenario(name: "server closes at once", client: "say(drain())", server: "s.close()"),
        Scenario(name: "client resets after data", client: "send(1000); time.sleep(0.3); reset()", server: "say(drain())"),
        Scenario(name: "server resets after data", client: "send(10); say(drain())", server: "s.recv(10); time.sleep(0.3); reset()"),
        Scenario(
            name: "server closes with unread data", client: "send(1000); time.sleep(0.6); say(drain())",
            server: "time.sleep(0.3); s.close()"),
        Scenario(
            name: "client resets while the server writes", client: "s.recv(10); time.sleep(0.3); reset()", server: "say(send(256 << 20))"),
        Scenario(
            name: "server resets while the client writes", client: "say(send(256 << 20))", server: "s.recv(10); time.sleep(0.3); reset()"),
        Scenario(name: "a large answer, then close", client: "fin(); say(drain())", server: "drain(); send(32 << 20); s.close()"),
        Scenario(
            name: "a slow reader gets everything after the close", client: "time.sleep(1); say(drain())", server: "send(4 << 20); s.close()"
        ),
    ]

    /// What both programs have in common. `drain` reads to the end; a write that fails is `broken`, however the kernel calls it.
    private static let prelude = """
        import socket, struct, sys, time
        def say(text): print(text, flush=True)
        def drain():
            count = 0
            try:
                while True:
                    got = s.recv(65536)
                    if not got: return f'eof after {count}'
                    count += len(got)
            except ConnectionResetError: return 'reset'
        def send(count):
            try:
                left = count
                while left > 0: left -= s.send(b'x' * min(left, 65536))
                return 'sent'
            except (BrokenPipeError, ConnectionResetError): return 'broken'
        def fin(): s.shutdown(socket.SHUT_WR)
        def reset():
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0)); s.close()

        """

    private static let port: UInt16 = 7000

    /// Runs a scenario and returns what client and server said.
    private func play(_ scenario: Scenario, in lab: Lab) throws -> String {
        let server = """
            \(Self.prelude)
            listener = socket.socket(); listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(('0.0.0.0', \(Self.port))); listener.listen(1); say('ready'); s, _ = listener.accept(); listener.close()
            \(scenario.server)
            say('end')
            """
        let output = try lab.spawn(in: lab.workload("callee"), ["/usr/bin/python3", "-c", server]).output
        func said() -> String { (try? String(contentsOfFile: output, encoding: .utf8)) ?? "" }
        try wait { said().hasPrefix("ready") }
        let client = "\(Self.prelude)\ns = socket.create_connection(('\(lab.workload("callee").ipv4)', \(Self.port)))\n\(scenario.client)\n"
        let result = try lab.run(in: lab.workload("caller"), ["/usr/bin/python3", "-c", client])
        try wait { said().hasSuffix("end\n") }
        return "client: \(result.description) server: \(said())"
    }

    private func wait(_ condition: () -> Bool) throws {
        for _ in 0..<400 where !condition() { usleep(25_000) }
        #expect(condition(), "the server did not get so far within ten seconds")
    }

    @Test(arguments: ["node-1", "node-2"])
    func everyEndingIsWhatItIsWithoutTheMesh(calleeNode: String) throws {
        let services = [
            Topology.Service("caller", port: 7009, program: .idle, on: [.pod("node-1")], policy: "allow: [callee]\n"),
            Topology.Service("callee", port: Self.port, program: .idle, on: [.pod(calleeNode)], policy: nil),
        ]
        var nodes = Topology.twoNodes
        // On one node too the daemon carries it; direct flows are the kernel's own TCP.
        for index in nodes.indices { nodes[index].direct = false }
        let lab = try Lab.raise(Topology(nodes: nodes, services: services), name: "ending")
        defer { try? lab.lower() }
        let plain = try Self.scenarios.map { try play($0, in: lab) }
        try lab.startDaemons()
        for (scenario, expected) in zip(Self.scenarios, plain) {
            #expect(try play(scenario, in: lab) == expected, "\(scenario.name)")
        }
    }
}
