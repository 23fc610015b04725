internal import MeshLab

/// 500 calls at once, then one for every 120 ms.
struct SceneRate {
    let lab: Lab
    private static let limit = 500
    private static let refill = 0.12

    func play(_ record: inout SceneRecord) throws {
        let caller = lab.workload("gateway")
        var load = RequestLoad("embassy:8084", rate: 4000, count: 600)
        load.connections = 64
        let report = try lab.send(load, from: caller)
        let refilled = Int(report.seconds / Self.refill)
        let refused = report.reasons["rate_limited", default: 0]
        record.expect(
            "of 600 calls in \(report.seconds.formatted) s \(Self.limit) are answered, and one for each 120 ms that they took (\(refilled))",
            counted: "\(report.byStatus); \(refused) rate_limited",
            abs(report.succeeded - Self.limit - refilled) <= 1 && refused == 600 - report.succeeded)
        // The next call, and what it is told.
        let answer = try lab.curl(from: caller, "http://embassy:8084/", ["-D", "-", "-o", "/dev/null"]).output
        let lines = answer.split(whereSeparator: \.isNewline).filter { line in
            line.hasPrefix("HTTP/") || ["retry-after", "ratelimit"].contains { line.lowercased().hasPrefix($0) }
        }
        record.expect(
            "the next one gets 429, and when to come again", counted: lines.joined(separator: "; "),
            lines.first?.contains(" 429") == true && lines.contains { $0.lowercased().hasPrefix("retry-after: ") })
    }
}
