internal import Foundation
internal import MeshLab

/// 500 calls at once, then one for every 120 ms.
struct SceneRate {
    let lab: Lab
    private static let limit = 500
    private static let refill = 0.12
    private static let more = 8

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
        // The next calls, all at once: on a busy machine the first may come after a refill. And what the refused ones are told.
        let url = "http://embassy:8084/"
        let more = Array(repeating: ["-o", "/dev/null", url], count: Self.more - 1).flatMap(\.self)
        let answers = try lab.curl(
            from: caller, url, ["-D", "-", "--parallel", "--parallel-immediate"] + more + ["-o", "/dev/null"]
        ).output.components(separatedBy: "HTTP/1.1 ").map { $0.split(whereSeparator: \.isNewline) }
        let refusal = answers.first { $0.first?.hasPrefix("429") == true } ?? []
        let lines = refusal.filter { line in
            line.hasPrefix("429") || ["retry-after", "ratelimit"].contains { line.lowercased().hasPrefix($0) }
        }
        record.expect(
            "of the next \(Self.more) at once some get 429, and when to come again", counted: lines.joined(separator: "; "),
            lines.first?.hasPrefix("429") == true && lines.contains { $0.lowercased().hasPrefix("retry-after: ") })
    }
}
