internal import MeshLab

/// Nearest first; what a zone cannot carry goes to the next one.
struct SceneBalance {
    let lab: Lab
    private static let count = 400

    func play(_ record: inout SceneRecord) throws {
        let load = RequestLoad("usage:8087", rate: 400, count: Self.count)
        for caller in [lab.workload("messaging"), lab.workload("rwa")] {
            let own = lab.instances(of: "usage", on: lab.node(caller.node))
            let report = try lab.send(load, from: caller)
            let shares = own.map { report.answers(of: [$0]) }
            record.expect(
                "\(caller.service) in \(lab.node(caller.node).zone): half of \(Self.count) each by \(own[0].name) and \(own[1].name)",
                counted: report.byInstance, shares.allSatisfy { abs($0 - Self.count / 2) <= Self.count / 20 } && report.failed == 0)
        }
        let caller = lab.workload("messaging")
        let own = lab.instances(of: "usage", on: lab.nodes[0])
        try lab.stopService(own[0])
        _ = try lab.send(RequestLoad("usage:8087", rate: 200, count: 20), from: caller)
        let report = try lab.send(load, from: caller)
        // It stays down for the next scene. Half of the zone is well: it keeps 1.4 times that share.
        let away = report.answers(of: lab.instances(of: "usage", on: lab.nodes[1]))
        let share = Double(away) / Double(Self.count)
        record.expect(
            "with \(own[0].name) down 30 % of the calls go over to the other zone, none fails",
            counted: "\(report.byInstance): \((share * 100).formatted) %; \(report.outcome)",
            abs(share - 0.3) <= 0.1 && report.failed == 0)
    }
}
