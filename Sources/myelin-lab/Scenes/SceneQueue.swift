internal import MeshLab

/// concurrency: 32, queue: {limit: 100, wait: 10s}.
struct SceneQueue {
    let lab: Lab
    private static let (places, queue, calls) = (32, 100, 160)

    func play(_ record: inout SceneRecord) throws {
        let caller = lab.workload("router")
        let agent = lab.workload("agent-orchestrator")
        try lab.steer(agent, "delay=1s")
        var load = RequestLoad("agent-orchestrator:8083", rate: 2000, count: Self.calls)
        (load.path, load.method) = ("/internal/v1/agent-orchestrator/run", "POST")
        (load.connections, load.timeout) = (Self.calls, 30)
        let report = try lab.send(load, from: caller)
        try lab.steer(agent, "delay=0ms")
        let most = try lab.requestCounts(agent).mostAtOnce
        let refused = report.reasons["queue_full", default: 0]
        let over = Self.calls - Self.places - Self.queue
        record.expect(
            "\(Self.calls) runs of 1 s at one moment: \(Self.places) run, \(Self.queue) wait, \(over) are refused",
            counted: "\(report.succeeded) ran, \(report.succeeded - Self.places) of them after a wait; \(refused) refused with queue_full",
            report.succeeded == Self.places + Self.queue && refused == over)
        record.expect("never more than \(Self.places) at once at the callee", counted: "\(most)", most == Self.places)
        record.expect(
            "five rounds, the last after 5 s", counted: "the slowest after \((report.maxMilliseconds / 1000).formatted) s",
            (4900...6500).contains(report.maxMilliseconds))
    }
}
