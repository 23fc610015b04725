import Foundation
import MeshLab
import Testing

/// What goes wrong in production, tried on two real nodes.
@Suite(.serialized) final class FaultNodeTests {
    private let lab: Lab
    private let caller: Workload

    init() throws {
        let load = Binaries.load
        let services = [
            Topology.Service("caller", port: 7009, program: .idle, on: [.pod("node-1")], policy: Self.callerPolicy),
            Topology.Service(
                "far", port: 7000, program: .command([load, "echo", "--listen", "[::]:7000"]), on: [.pod("node-2")], policy: nil),
            Topology.Service(
                "near", port: 7001, program: .command([load, "echo", "--listen", "[::]:7001"]), on: [.pod("node-1")], policy: nil),
            // Nobody listens.
            Topology.Service("dead", port: 7002, program: .idle, on: [.pod("node-2")], policy: nil),
        ]
        lab = try Lab.raise(Topology(nodes: Topology.twoNodes, services: services), name: "fault")
        caller = lab.workload("caller")
        try lab.startDaemons()
    }

    deinit { try? lab.lower() }

    private static let callerPolicy = "allow: [far, near, dead]\n"

    private func echoes(_ service: String) throws -> Bool {
        try lab.run(in: caller, [Binaries.load, "short", "--connect", "\(service):\(lab.workload(service).port)", "--count", "3"]).succeeded
    }

    /// A python client that writes a byte ten times a second and says how many came back; it ends when a write or read fails.
    private func startTicker(_ service: String) throws -> () -> Int { try startTickerProcess(service).count }

    private func startTickerProcess(_ service: String) throws -> (process: ChildProcess, count: () -> Int) {
        let callee = lab.workload(service)
        let program = """
            import socket, sys, time
            s = socket.create_connection(('\(callee.ipv4)', \(callee.port)))
            s.settimeout(30)
            while True:
                s.sendall(b'x'); s.recv(1); print('.', end='', flush=True); time.sleep(0.05)
            """
        let (process, output) = try lab.spawn(in: caller, ["/usr/bin/python3", "-c", program])
        return (process, { (try? String(contentsOfFile: output, encoding: .utf8))?.prefix { $0 == "." }.count ?? 0 })
    }

    @Test func whileTheDaemonIsDeadNothingIsSentAndAfterwardsAllIsWell() throws {
        let node = lab.nodes[0]
        let tickers = try [startTicker("far"), startTicker("near")]
        #expect(try eventually(5) { tickers.allSatisfy { $0() > 5 } }, "both carry")
        try lab.signalDaemon(node, SIGKILL)
        usleep(200_000)
        let before = tickers.map { $0() }
        usleep(1_000_000)
        #expect(tickers.map { $0() } == before, "an established flow, tunnelled or direct, carried bytes without a daemon")
        for service in ["far", "near"] {
            let started = ContinuousClock.now
            #expect(try !echoes(service))
            #expect(ContinuousClock.now - started < .seconds(3), "\(service): refused at once")
        }
        for address in [lab.workload("near").ipv4, "[\(lab.workload("near").ipv6)]"] {
            let stranger = try lab.runOutside(node, ["curl", "-sg", "--max-time", "2", "http://\(address):7001/"])
            #expect(!stranger.succeeded)
        }
        try lab.startDaemon(node)
        try lab.awaitReady(node)
        #expect(try eventually(5) { try echoes("far") && echoes("near") })
        // The direct flow resumes; the tunnelled one was lost with the daemon.
        #expect(try eventually(10) { tickers[1]() > before[1] }, "the direct flow goes on")
        let status = try lab.control(node, ["status", "-o", "json"])
        #expect(status.output.contains("\"took_over\" : true"), "\(status)")
    }

    @Test func aStopServesOnUntilWhatWasThereHasEnded() throws {
        let node = lab.nodes[0]
        let ticker = try startTickerProcess("far")
        #expect(try eventually(5) { ticker.count() > 3 })
        let pid = try #require(lab.daemonProcesses(node).first)
        kill(pid, SIGTERM)
        #expect(try eventually(3) { lab.daemonLogTail(node).contains("draining") })
        let carried = ticker.count()
        #expect(try eventually(3) { ticker.count() > carried + 5 }, "what was there goes on")
        #expect(try echoes("far"), "nobody is refused for it")
        #expect(try lab.isReady(node) == false)
        ticker.process.end()
        #expect(try eventually(5) { lab.daemonProcesses(node).isEmpty })
        #expect(lab.daemonLogTail(node).contains("stopped"))
        #expect(try !echoes("far"), "without a daemon nothing new")
        #expect(!FileManager.default.fileExists(atPath: node.statusSocket))
    }

    @Test func aSecondDaemonIsRefusedAndTheFirstServesOn() throws {
        let node = lab.nodes[0]
        let second = try lab.runOnNode(node, [lab.binaries.daemon, "--config", node.configurationFile])
        #expect(second.status == 1)
        #expect(second.output.contains("already_running") && second.output.contains("already runs on this node"), "\(second)")
        #expect(try echoes("far") && echoes("near"))
    }

    @Test func aFullDiskAtStartIsSaidAndNothingIsHalfStarted() throws {
        let node = lab.nodes[0]
        let directory = lab.directory + "/full"
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        #expect(try lab.runOnNode(node, ["mount", "-t", "tmpfs", "-o", "size=64k", "none", directory]).succeeded)
        defer { _ = try? lab.runOnNode(node, ["umount", directory]) }
        _ = try lab.runOnNode(node, ["sh", "-c", "cat /dev/zero > \(directory)/filler"])
        let text = try String(contentsOfFile: node.configurationFile, encoding: .utf8)
            .replacingOccurrences(of: node.directory + "/state", with: directory)
            .replacingOccurrences(of: node.directory + "/run", with: lab.directory + "/run2")
        let file = lab.directory + "/full.yaml"
        try text.write(toFile: file, atomically: true, encoding: .utf8)
        let result = try lab.runOnNode(node, [lab.binaries.daemon, "--config", file])
        #expect(result.status == 1)
        #expect(result.output.contains("No space left on device") && result.output.contains("free space"), "\(result)")
        #expect(try echoes("near"), "the daemon that runs is not disturbed")
    }

    @Test func aBadFileIsRefusedWholeAndTheLastGoodSetStays() throws {
        let node = lab.nodes[0]
        let ticker = try startTicker("far")
        let neighbour = try startTicker("near")
        #expect(try eventually(5) { ticker() > 3 && neighbour() > 3 })
        try lab.write(policy: "allow: []\ndenny: [far]\n", of: "caller", on: node)
        #expect(
            try eventually(5) {
                let status = try lab.control(node, ["status"]).output
                return status.contains("caller.yaml:2:1: unknown key \"denny\"") && status.contains("did you mean \"deny\"?")
            })
        #expect(try lab.isReady(node) == false, "a probe sees it")
        #expect(try echoes("far"), "the last good set is in force")
        try lab.write(policy: "allow: [near]\n", of: "caller", on: node)
        #expect(try eventually(5) { try !echoes("far") }, "a withdrawn permission refuses")
        #expect(try echoes("near"))
        let hasEnded = try eventually(5) {
            let carried = ticker()
            usleep(500_000)
            return ticker() == carried
        }
        #expect(hasEnded, "what was open under it ends")
        let carried = neighbour()
        #expect(try eventually(5) { neighbour() > carried }, "what is still permitted goes on")
        try lab.write(policy: Self.callerPolicy, of: "caller", on: node)
        #expect(try eventually(5) { try echoes("far") })
    }

    @Test func aBadRegistryIsRefusedWholeAndTheLastGoodOneStays() throws {
        let node = lab.nodes[0]
        let good = try String(contentsOfFile: node.registryDirectory + "/lab.yaml", encoding: .utf8)
        for bad in ["", "services: [{service: far, port: 99999}]\n", "services: 1\n", String(repeating: "[", count: 1000)] {
            try lab.write(registryText: bad, on: node)
            #expect(try eventually(5) { try lab.control(node, ["check"]).output.contains("lab.yaml") }, "\(bad.prefix(40))")
            #expect(try echoes("far") && echoes("near"))
            try lab.write(registryText: good, on: node)
            #expect(try eventually(5) { try lab.isReady(node) })
        }
    }

    @Test func anEndpointThatRefusesIsSaidAtBothEnds() throws {
        #expect(try !echoes("dead"))
        for node in lab.nodes {
            #expect(try eventually(5) { lab.accessLog(node).contains { $0.contains("endpoint_refused") && $0.contains("/sa/dead\"") } })
        }
    }

    @Test func anEndpointThatNeverAnswersTimesOutAndDisturbsNobody() throws {
        // Its queue of connections is full, so that the kernel drops every further SYN.
        let program = """
            import socket, time
            s = socket.socket(socket.AF_INET6); s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            s.bind(('::', 7002)); s.listen(0)
            waiting = [socket.socket() for _ in range(4)]
            for w in waiting: w.setblocking(False); w.connect_ex(('127.0.0.1', 7002))
            print('full', flush=True); time.sleep(60)
            """
        let output = try lab.spawn(in: lab.workload("dead"), ["/usr/bin/python3", "-c", program]).output
        #expect(try eventually(5) { (try? String(contentsOfFile: output, encoding: .utf8)) == "full\n" })
        let started = ContinuousClock.now
        #expect(try !echoes("dead"))
        #expect(ContinuousClock.now - started < .seconds(25))
        for node in lab.nodes {
            #expect(try eventually(5) { lab.accessLog(node).contains { $0.contains("endpoint_timeout") && $0.contains("/sa/dead\"") } })
            let others = lab.accessLog(node).filter { $0.contains("/sa/dead\"") && !$0.contains("endpoint_timeout") }
            #expect(others.isEmpty, "it is the same at both ends: \(others)")
        }
        #expect(try echoes("far"))
    }

    @Test func theDaemonsOwnPortsAreRefusedToWorkloads() throws {
        for port in [15001, 15008, 15053, 15020] {
            for host in ["127.0.0.1", lab.nodes[0].ipv4] {
                let result = try lab.run(in: caller, ["curl", "-s", "--max-time", "2", "http://\(host):\(port)/"])
                #expect(!result.succeeded && result.output.isEmpty, "\(host):\(port): \(result)")
            }
        }
    }

    @Test func oneStalledReaderStopsNobodyElse() throws {
        let far = lab.workload("far")
        let program = """
            import socket, time
            s = socket.create_connection(('\(far.ipv4)', \(far.port))); s.setblocking(False)
            end = time.time() + 30
            while time.time() < end:
                try: s.send(b'x' * 65536)
                except BlockingIOError: time.sleep(0.01)
            """
        _ = try lab.spawn(in: caller, ["/usr/bin/python3", "-c", program])
        usleep(1_000_000)
        for _ in 0..<5 { #expect(try echoes("far")) }
    }
}
