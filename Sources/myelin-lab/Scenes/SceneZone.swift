internal import Glibc
internal import MeshLab

/// The cable of node-2 is out for four seconds, while calls are on their way to it.
struct SceneZone {
    let lab: Lab
    private static let cut: UInt32 = 4_000_000

    func play(_ record: inout SceneRecord) throws {
        let caller = lab.workload("messaging")
        let own = lab.instances(of: "usage", on: lab.nodes[0])
        // A call that got lost on the way is noticed after 300 ms, and made again.
        let policy = (Topology.microDAOPolicies["usage"] ?? "") + "timeouts: {request: 3s, try: 300ms}\n"
        try lab.apply(policy: policy, of: "usage")
        // One of two is down since the scene before: a part of the calls crosses over to the zone that will be cut off.
        let reads = try lab.start(RequestLoad("usage:8087", rate: 100, count: 800), from: caller)
        var slow = RequestLoad("storage:8088", rate: 20, count: 160)
        slow.connections = 80
        let stored = try lab.start(slow, from: caller)
        usleep(1_500_000)
        try lab.setLink(of: lab.nodes[1], isUp: false)
        usleep(Self.cut)
        try lab.setLink(of: lab.nodes[1], isUp: true)
        let healed = ContinuousClock.now
        while try !lab.curl(from: caller, "http://storage:8088/", ["-f"], timeout: .seconds(1)).succeeded {
            guard ContinuousClock.now - healed < .seconds(15) else { break }
        }
        let recovery = ContinuousClock.now - healed
        let (report, other) = (try reads.finish(), try stored.finish())
        try lab.revive(own[0])
        try lab.awaitWell("usage", port: 8087, from: caller)
        try lab.apply(policy: Topology.microDAOPolicies["usage"], of: "usage")
        let away = report.answers(of: lab.instances(of: "usage", on: lab.nodes[1]))
        record.expect(
            "usage is in both zones: no call fails, also of those on their way",
            counted: "\(report.outcome); \(away) by the other zone", report.failed == 0 && away > 0)
        record.expect(
            "storage is in the lost zone only: its calls fail within their 3 s while it is cut off, and only then",
            counted: other.outcome,
            other.failed > 0 && other.succeeded >= 20 && other.failures.isEmpty && other.maxMilliseconds < 3500)
        record.expect("healed: storage answers again within 10 s", counted: "after \(recovery.formatted)", recovery < .seconds(10))
    }
}
