internal import Foundation
internal import MeshLab

/// A daemon is killed: its workloads are refused at once and nothing is sent in the clear. It comes back: calls work again.
struct DemoDeath {
    let lab: Lab
    /// How long calls may take to work again.
    private static let recovery = Duration.seconds(10)

    func run(_ tally: inout DemoTally) throws {
        heading("The daemon of node-1 is killed with SIGKILL")
        let node = lab.nodes[0]
        try lab.signalDaemon(node, SIGKILL)
        let calls: [(caller: Workload, callee: Workload, what: String)] = [
            (lab.workload("messaging"), lab.workload("usage", on: node.name), "same node"),
            (lab.workload("messaging"), lab.workload("storage"), "to the other node"),
            (lab.workload("rwa"), lab.workload("wallet", on: node.name), "from the other node"),
        ]
        for call in calls {
            let started = ContinuousClock.now
            let result = try lab.curl(from: call.caller, url(call.callee))
            let took = (ContinuousClock.now - started).components
            tally.count(!result.output.contains("MYELIN-PLAINTEXT"), "\(call.what): answered without a daemon")
            print(
                "\(call.what): \(call.caller.name) to \(call.callee.name): \(result.ending) after \(took.seconds * 1000 + took.attoseconds / 1_000_000_000_000_000) ms"
            )
        }
        try lab.startDaemon(node)
        try lab.awaitReady(node)
        let started = ContinuousClock.now
        for call in calls {
            var result = try lab.curl(from: call.caller, url(call.callee))
            while !result.succeeded, ContinuousClock.now - started < Self.recovery {
                usleep(100_000)
                result = try lab.curl(from: call.caller, url(call.callee))
            }
            tally.count(result.output.contains("MYELIN-PLAINTEXT"), "\(call.what) after the restart: \(result.description.prefix(200))")
        }
        let took = (ContinuousClock.now - started).components
        print(
            "It is back: all three work, \(took.seconds * 1000 + took.attoseconds / 1_000_000_000_000_000) ms after it reported itself ready."
        )
    }

    private func url(_ callee: Workload) -> String {
        let isIPv6Only = lab.plan.topology.services.first { $0.name == callee.service }?.family == .ipv6Only
        return "http://\(isIPv6Only ? "[\(callee.ipv6)]" : callee.ipv4):\(callee.port)/"
    }
}
