internal import Glibc
internal import MeshLab

/// Whoever calls learns nothing of an instance that dies.
struct SceneStop {
    let lab: Lab

    func play(_ record: inout SceneRecord) throws {
        let caller = lab.workload("rwa")
        let victim = lab.instances(of: "usage", on: lab.node(caller.node))[0]
        try lab.awaitWell("usage", port: 8087, from: caller)
        for usage in lab.workloads where usage.service == "usage" { try lab.steer(usage, "delay=5ms") }
        let running = try lab.start(RequestLoad("usage:8087", rate: 300, count: 1200), from: caller)
        usleep(1_000_000)
        try lab.stopService(victim)
        usleep(1_500_000)
        try lab.revive(victim)
        let report = try running.finish()
        for usage in lab.workloads where usage.service == "usage" { try lab.steer(usage, "delay=0ms") }
        record.expect(
            "\(victim.name) is killed after 1 s of 300 calls a second and comes back 1.5 s later: no call fails",
            counted: "\(report.outcome); \(report.byInstance)", report.failed == 0 && report.answers(of: [victim]) > 0)
    }
}
