internal import MeshLab

/// Nobody without an identity gets an answer.
struct DemoOutsiders {
    let lab: Lab

    func run(_ tally: inout DemoTally) throws {
        heading("A caller outside the mesh")
        var refusals: [String: Int] = [:]
        for workload in lab.workloads {
            for address in [workload.ipv4, "[\(workload.ipv6)]"] {
                let result = try lab.runOutside(
                    lab.nodes[0], ["curl", "-sS", "-g", "--max-time", "3", "http://\(address):\(workload.port)/"])
                tally.count(!result.output.contains("MYELIN-PLAINTEXT"), "\(workload) answers an outsider on \(address)")
                refusals[result.ending, default: 0] += 1
            }
        }
        for (outcome, count) in refusals.sorted(by: { $0.key < $1.key }) { print("\(count) direct calls to instances: \(outcome)") }
    }
}

extension CommandResult {
    /// How curl ended, in words.
    var ending: String {
        switch status {
        case 0: "answered"
        case 7: "refused (curl 7)"
        case 28, nil: "no answer (curl 28)"
        case 56: "reset (curl 56)"
        case let status?: "curl \(status)"
        }
    }
}
