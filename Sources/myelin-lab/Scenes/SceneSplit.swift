internal import MeshLab

/// `split:` over versions of the instances.
struct SceneSplit {
    let lab: Lab
    private static let count = 1000

    func play(_ record: inout SceneRecord) throws {
        let caller = lab.workload("rwa")
        let (old, new) = Topology.microDAOVersions
        let route = """
            routes:
              - match: {prefix: /internal/v1/usage/}
                split: {\(old): 90, \(new): 10}

            """
        try lab.awaitWell("usage", port: 8087, from: caller)
        try lab.apply(policy: (Topology.microDAOPolicies["usage"] ?? "") + route, of: "usage")
        var load = RequestLoad("usage:8087", rate: 500, count: Self.count)
        load.path = "/internal/v1/usage/read"
        let report = try lab.send(load, from: caller)
        try lab.apply(policy: Topology.microDAOPolicies["usage"], of: "usage")
        let instances = lab.workloads.filter { $0.service == "usage" }
        let (olds, news) = (instances.filter { $0.version == old }, instances.filter { $0.version == new })
        // By lot: three standard deviations are 29.
        record.expect(
            "900 of \(Self.count) to \(old), 100 to \(new) (by lot: 70 to 130)",
            counted: "\(report.answers(of: olds)) to \(old), \(report.answers(of: news)) to \(new); \(report.outcome)",
            abs(report.answers(of: news) - 100) <= 30 && report.failed == 0)
    }
}
