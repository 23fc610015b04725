import Foundation
import MeshLab
import Testing

/// Clients and servers that nobody adapted, through two daemons.
@Suite(.serialized) final class ClientNodeTests {
    private let lab: Lab
    private let caller: Workload

    /// Python with grpcio and websockets, where `scripts/peers.sh` put it.
    private static let environment = FileManager.default.currentDirectoryPath + "/.build/peers/venv"
    private static let python = environment + "/bin/python"
    private static func peer(_ name: String) -> String { Bundle.module.path(forResource: "Peers/" + name, ofType: "py") ?? name }

    init() throws {
        try #require(FileManager.default.fileExists(atPath: Self.environment + "/packages"), "run scripts/peers.sh .build/peers")
        let two = Topology.Instance.pod("node-2")
        var services = [
            Topology.Service("caller", port: 7009, program: .idle, on: [.pod("node-1")], policy: "allow: [web, sink, socket, grpc, h2]\n"),
            // Equally near, so that requests alternate.
            Topology.Service("web", port: 8080, program: .nginx, on: [two, two], policy: "allow: []\n"),
            Topology.Service("sink", port: 8081, program: .steerable, on: [two], policy: "allow: []\n"),
            Topology.Service(
                "socket", port: 8082, program: .command([Self.python, Self.peer("websocket_peer"), "serve", "8082"]), on: [two],
                policy: "allow: []\ntimeouts: {request: 1s}\n"),
            Topology.Service(
                "grpc", port: 8083, program: .command([Self.python, Self.peer("grpc_peer"), "serve", "8083"]), on: [two, two],
                policy: "allow: []\n"),
            Topology.Service(
                "h2", port: 8084, program: .command(["nghttpd", "--no-tls", "-d", "/usr/share/common-licenses", "8084"]), on: [two],
                policy: "allow: []\n"),
        ]
        for (index, name) in [(1, "http"), (2, "http"), (3, "http"), (4, "grpc"), (5, "http2")] {
            services[index].applicationProtocol = name
        }
        lab = try Lab.raise(Topology(nodes: Topology.twoNodes, services: services), name: "clients")
        caller = lab.workload("caller")
        try lab.startDaemons()
    }

    deinit { try? lab.lower() }

    // MARK: curl

    @Test func curlsRequestsOfOneConnectionAreAnsweredByBothInstances() throws {
        let urls = Array(repeating: "http://web:8080/", count: 19)
        let result = try lab.curl(from: caller, "http://web:8080/", ["-w", "connects %{num_connects}\\n"] + urls)
        #expect(result.succeeded, "\(result)")
        for instance in ["web-0", "web-1"] {
            #expect(result.output.components(separatedBy: "\"instance\": \"\(instance)\"").count - 1 == 10, "\(result)")
        }
        #expect(result.output.components(separatedBy: "connects 0").count - 1 == 19, "one connection: \(result)")
    }

    @Test(arguments: [
        ["--http1.0"], ["--http1.1", "-H", "connection: close"], ["-X", "DELETE"], ["--data-binary", "@BODY"],
        ["--data-binary", "@BODY", "-H", "transfer-encoding: chunked"], ["-T", "BODY"],
        ["--data-binary", "@BODY", "-H", "expect: 100-continue"],
        ["-4"], ["-6"], ["--compressed"],
    ])
    func curlIsAnswered(_ options: [String]) throws {
        let body = lab.directory + "/body"
        try Data(repeating: 0x61, count: 300_000).write(to: URL(fileURLWithPath: body))
        let result = try lab.curl(
            from: caller, "http://sink:8081/x", ["-f"] + options.map { $0.replacingOccurrences(of: "BODY", with: body) })
        let received = options.contains { $0.contains("BODY") } ? 300_000 : 0
        #expect(result.succeeded && result.output.contains("\"received\":\(received),"), "\(result)")
    }

    @Test func curlsHeadHasNoBody() throws {
        let result = try lab.curl(from: caller, "http://web:8080/", ["-I", "http://web:8080/"])
        #expect(result.succeeded && result.output.components(separatedBy: "HTTP/1.1 200").count == 3, "\(result)")
    }

    // MARK: Load generators

    @Test func everyRequestOfWrkIsAnswered() throws {
        let result = try lab.run(in: caller, ["wrk", "-t1", "-c16", "-d2s", "http://web:8080/"])
        #expect(result.succeeded && !result.output.contains("Non-2xx") && !result.output.contains("Socket errors"), "\(result)")
        let requests = try #require(result.output.split(separator: "\n").first { $0.contains(" requests in ") }, "\(result)")
        #expect(requests.split(separator: " ").first.flatMap { Int($0) } ?? 0 > 100, "\(result)")
    }

    @Test func everyRequestOfH2loadIsAnswered() throws {
        let old = try lab.run(in: caller, ["h2load", "--h1", "-n", "2000", "-c", "8", "-t", "1", "http://web:8080/"])
        #expect(old.succeeded && old.output.contains("2000 succeeded, 0 failed, 0 errored"), "\(old)")
        // With prior knowledge of HTTP/2.
        let new = try lab.run(in: caller, ["h2load", "-n", "2000", "-c", "4", "-m", "10", "-t", "1", "http://h2:8084/GPL-2"])
        #expect(new.succeeded && new.output.contains("2000 succeeded, 0 failed, 0 errored"), "\(new)")
        #expect(new.output.contains("status codes: 2000 2xx"), "\(new)")
    }

    // MARK: gRPC and WebSocket

    @Test(arguments: ["unary", "server", "client", "bidi", "deadline", "cancel", "trailers"])
    func grpcCalls(_ what: String) throws {
        let result = try lab.run(in: caller, [Self.python, Self.peer("grpc_peer"), "call", "grpc:8083", what])
        #expect(result.succeeded && result.output.hasSuffix("ok\n"), "\(what): \(result)")
    }

    /// One connection of the client, a hundred calls.
    @Test func grpcCallsOfOneConnectionAreAnsweredByBothInstances() throws {
        let result = try lab.run(in: caller, [Self.python, Self.peer("grpc_peer"), "call", "grpc:8083", "spread"])
        #expect(result.succeeded && result.output.hasPrefix("2 instances answered: [50, 50]"), "\(result)")
    }

    @Test func aWebSocketOutlivesTheTimeThatARequestHas() throws {
        let result = try lab.run(in: caller, [Self.python, Self.peer("websocket_peer"), "call", "ws://socket:8082/"])
        #expect(result.succeeded && result.output.hasSuffix("ok\n"), "\(result)")
    }
}
