internal import Foundation
internal import MeshLab

/// `mirror:` to a version that answers nobody.
struct SceneMirror {
    let lab: Lab
    private static let count = 1000

    func play(_ record: inout SceneRecord) throws {
        let caller = lab.workload("rwa")
        let (old, new) = Topology.microDAOVersions
        let instances = lab.workloads.filter { $0.service == "usage" }
        let (olds, news) = (instances.filter { $0.version == old }, instances.filter { $0.version == new })
        try lab.awaitWell("usage", port: 8087, from: caller)
        try apply(share: "20%")
        let before = try shadows(news)
        var load = RequestLoad("usage:8087", rate: 500, count: Self.count)
        // A caller that says so itself is not believed.
        (load.path, load.fields) = ("/internal/v1/usage/read", ["x-myelin-shadow: 1"])
        let report = try lab.send(load, from: caller)
        let copies = try shadows(news) - before
        // By lot: three standard deviations are 38.
        record.expect(
            "200 of \(Self.count) calls are copied to \(new) (by lot: 162 to 238), all are answered by \(old)",
            counted: "\(copies) copies at \(new); \(report.answers(of: olds)) answers of \(old); \(report.outcome)",
            abs(copies - 200) <= 38 && report.answers(of: olds) == Self.count && report.failed == 0)
        let forged = try shadows(olds)
        record.expect("no caller passes for a copy", counted: "\(forged) at \(old)", forged == 0)
        try playDeath(&record, caller, olds, news)
        try lab.apply(policy: Topology.microDAOPolicies["usage"], of: "usage")
        try lab.awaitWell("usage", port: 8087, from: caller)
    }

    /// Every call is copied when the new version dies.
    private func playDeath(_ record: inout SceneRecord, _ caller: Workload, _ olds: [Workload], _ news: [Workload]) throws {
        try apply(share: "100%")
        let node = lab.node(caller.node)
        let failedBefore = failedCopies(node)
        var load = RequestLoad("usage:8087", rate: 300, count: 900)
        load.path = "/internal/v1/usage/read"
        let running = try lab.start(load, from: caller)
        usleep(1_000_000)
        for workload in news { try lab.stopService(workload) }
        let report = try running.finish()
        for workload in news { try lab.revive(workload) }
        let failed = failedCopies(node) - failedBefore
        record.expect(
            "all instances of the new version are killed after 1 s of 300 calls a second: copies fail, calls do not",
            counted: "\(failed) copies failed; \(report.outcome)",
            failed > 100 && report.failed == 0 && report.answers(of: olds) == 900)
    }

    private func apply(share: String) throws {
        let (old, new) = Topology.microDAOVersions
        let route = """
            routes:
              - match: {prefix: /internal/v1/usage/}
                split: {\(old): 1}
                mirror: {version: \(new), share: \(share)}

            """
        try lab.apply(policy: (Topology.microDAOPolicies["usage"] ?? "") + route, of: "usage")
    }

    private func shadows(_ workloads: [Workload]) throws -> Int {
        // What is on its way arrives.
        usleep(100_000)
        return try workloads.reduce(0) { $0 + (try lab.requestCounts($1).shadows) }
    }

    /// As the access log of the caller's node tells them; it is written every 100 ms.
    private func failedCopies(_ node: LabNode) -> Int {
        usleep(300_000)
        let text = (try? String(contentsOfFile: node.accessLog, encoding: .utf8)) ?? ""
        return text.split(separator: "\n").count { $0.contains("\"shadow\":true") && !$0.contains("\"reason\":\"none\"") }
    }
}
