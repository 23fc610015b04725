internal import Foundation
internal import MeshSystem

extension Lab {
    /// How long a daemon may take until it is ready.
    package static let daemonStart = Duration.seconds(30)
    /// How long it may take to end after SIGTERM, draining included.
    package static let daemonStop = Duration.seconds(30)

    /// Starts all daemons and waits until they are ready.
    package func startDaemons() throws(LabError) {
        for node in nodes { try startDaemon(node) }
        for node in nodes { try awaitReady(node) }
        if plan.topology.authority.isServed { try awaitCertificates() }
    }

    /// Starts a node's daemon in its cgroup and namespace; its output goes to `node.daemonLog`.
    /// - Parameter limits: a command that sets limits and then runs the daemon: `["prlimit", "--nofile=6000"]`.
    package func startDaemon(_ node: LabNode, under limits: [String] = []) throws(LabError) {
        guard access(binaries.daemon, X_OK) == 0 else { throw LabError("there is no program \(binaries.daemon)", "build it first") }
        guard daemonProcesses(node).isEmpty else { throw LabError("the daemon of \(node.name) runs already") }
        try giveToken(node)
        _ = try start(
            limits + [binaries.daemon, "--config", node.configurationFile],
            in: Placement(cgroup: node.daemonCgroup, namespace: .networkOnly(node.namespace)), log: node.daemonLog)
    }

    /// The daemon's process ids: one, or none.
    package func daemonProcesses(_ node: LabNode) -> [Int32] {
        reapChildren()
        return (try? ControlGroup.processes(inDirectory: node.daemonCgroup)) ?? []
    }

    /// Sends `signal` to the daemon. After SIGKILL and SIGTERM it has ended when this returns.
    package func signalDaemon(_ node: LabNode, _ signal: Int32) throws(LabError) {
        let pids = daemonProcesses(node)
        guard !pids.isEmpty else { throw LabError("the daemon of \(node.name) does not run", daemonLogTail(node)) }
        for pid in pids { kill(pid, signal) }
        guard signal == SIGKILL || signal == SIGTERM else { return }
        let deadline = ContinuousClock.now + Self.daemonStop
        while !daemonProcesses(node).isEmpty {
            guard ContinuousClock.now < deadline else { throw LabError("the daemon of \(node.name) did not end", daemonLogTail(node)) }
            usleep(ChildProcess.pollInterval)
        }
    }

    /// Ends the daemon with `signal`, starts it anew and waits until it is ready.
    package func restartDaemon(_ node: LabNode, signal: Int32 = SIGTERM) throws(LabError) {
        try signalDaemon(node, signal)
        try startDaemon(node)
        try awaitReady(node)
    }

    /// Waits until the daemon says on `/readyz` that it serves.
    package func awaitReady(_ node: LabNode, timeout: Duration = Lab.daemonStart) throws(LabError) {
        let deadline = ContinuousClock.now + timeout
        while try !isReady(node) {
            guard !daemonProcesses(node).isEmpty else { throw LabError("the daemon of \(node.name) has ended", daemonLogTail(node)) }
            guard ContinuousClock.now < deadline else { throw LabError("the daemon of \(node.name) is not ready", daemonLogTail(node)) }
            usleep(50_000)
        }
    }

    package func isReady(_ node: LabNode) throws(LabError) -> Bool {
        try runOnNode(
            node,
            ["curl", "-sf", "--noproxy", "*", "--max-time", "2", "-o", "/dev/null", "http://127.0.0.1:\(NodeDocuments.metricsPort)/readyz"]
        ).succeeded
    }

    /// The daemon's metrics in Prometheus' text form.
    package func metrics(_ node: LabNode) throws(LabError) -> String {
        try runOnNode(node, ["curl", "-sf", "--noproxy", "*", "--max-time", "5", "http://127.0.0.1:\(NodeDocuments.metricsPort)/metrics"])
            .output
    }

    /// Runs myelinctl against the node's status socket.
    package func control(_ node: LabNode, _ arguments: [String], timeout: Duration = .seconds(15)) throws(LabError) -> CommandResult {
        try runOnNode(node, [binaries.control] + arguments + ["--socket", node.statusSocket], timeout: timeout)
    }

    /// The end of the daemon's own log.
    package func daemonLogTail(_ node: LabNode) -> String {
        String(((try? String(contentsOfFile: node.daemonLog, encoding: .utf8)) ?? "").suffix(2000))
    }

    /// The access log's lines, one JSON object each.
    package func accessLog(_ node: LabNode) -> [String] {
        ((try? String(contentsOfFile: node.accessLog, encoding: .utf8)) ?? "").split(separator: "\n").map(String.init)
    }
}
