internal import Glibc
internal import MeshLab

/// An instance that answers far slower than the others is passed over.
struct SceneSlow {
    let lab: Lab

    func play(_ record: inout SceneRecord) throws {
        let caller = lab.workload("messaging")
        let node = lab.node(caller.node)
        let slow = lab.instances(of: "usage", on: node)[1]
        try lab.awaitWell("usage", port: 8087, from: caller)
        try lab.steer(slow, "delay=150ms")
        let running = try lab.start(RequestLoad("usage:8087", rate: 200, count: 1600), from: caller)
        let started = ContinuousClock.now
        var ejected: Duration?
        while ejected == nil, ContinuousClock.now - started < .seconds(7) {
            // Both of its addresses are endpoints, and are told apart from the others one after the other.
            let states = try lab.control(node, ["endpoints", "-o", "json"]).endpoints.filter { slow.has($0.address) }.map(\.state)
            if states == ["open", "open"] { ejected = ContinuousClock.now - started }
            usleep(50_000)
        }
        record.expect(
            "\(slow.name) takes 150 ms, the others below 10: passed over within 7 s",
            counted: ejected.map { "after \($0.formatted)" } ?? "not at all", ejected != nil)
        // As long as it is passed over, 3 s at first.
        let spared = try lab.send(RequestLoad("usage:8087", rate: 400, count: 200), from: caller)
        let report = try running.finish()
        try lab.steer(slow, "delay=0ms")
        record.expect(
            "meanwhile none of 200 calls goes to it", counted: "\(spared.byInstance); \(spared.outcome)",
            spared.answers(of: [slow]) == 0 && spared.failed == 0)
        record.expect("no call failed all the while", counted: report.outcome, report.failed == 0)
    }
}
