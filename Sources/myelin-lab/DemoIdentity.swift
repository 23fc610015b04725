internal import Foundation
internal import MeshLab

/// What the callee's node learned of a caller on the other node: from its certificate, not from what it says.
struct DemoIdentity {
    let lab: Lab

    func run(_ tally: inout DemoTally) throws {
        heading("What the callee's node learned of the caller")
        let caller = lab.workload("rwa")
        let callee = lab.workload("wallet", on: lab.nodes[0].name)
        let result = try lab.curl(from: caller, "http://\(callee.ipv4):\(callee.port)/")
        tally.count(result.succeeded, "rwa to \(callee.name): \(result.description.prefix(200))")
        let learned = try awaitFlow(at: lab.nodes[0])
        print(learned ?? "nothing")
        let spiffe = "spiffe://\(lab.plan.topology.trustDomain)/ns/\(lab.plan.topology.namespace)/sa/rwa"
        tally.count(learned?.contains(spiffe) == true, "the callee's node did not learn \(spiffe)")
    }

    /// The line of the access log on the callee's node; flows are written when they end.
    private func awaitFlow(at node: LabNode) throws -> String? {
        for _ in 0..<50 {
            let text = (try? String(contentsOfFile: node.accessLog, encoding: .utf8)) ?? ""
            let line = text.split(separator: "\n").last { line in
                line.contains("\"reporter\":\"destination\"") && line.contains("/sa/rwa\"") && line.contains("/sa/wallet\"")
                    && line.contains("\"identity_verified\":true")
            }
            if let line { return String(line) }
            usleep(100_000)
        }
        return nil
    }
}
