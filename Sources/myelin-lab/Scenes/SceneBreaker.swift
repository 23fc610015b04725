internal import Foundation
internal import MeshLab

/// Closed, open, half-open, closed.
struct SceneBreaker {
    let lab: Lab
    /// `circuit_breaker: high` keeps it open for so long at first.
    private static let cooling = 5.0

    func play(_ record: inout SceneRecord) throws {
        let caller = lab.workload("rwa")
        let node = lab.node(caller.node)
        let wallets = lab.workloads.filter { $0.service == "wallet" }
        let skip = BreakerChange.read(node.daemonLog).count
        for wallet in wallets { try lab.steer(wallet, "fail=100%") }
        let failing = try lab.send(RequestLoad("wallet:8081", rate: 50, count: 100), from: caller)
        for wallet in wallets { try lab.steer(wallet, "fail=0%") }
        let refused = failing.reasons["circuit_open", default: 0]
        record.expect(
            "both instances answer 500: after at least 10 calls the rest fails at once with circuit_open",
            counted: "\(failing.byStatus); \(refused) circuit_open",
            refused > 50 && failing.statuses["500", default: 0] >= 10 && refused + failing.statuses["500", default: 0] == 100)
        let state = try lab.control(node, ["services", "-o", "json"]).services.first { $0.service == "wallet" }?.breaker ?? "unknown"
        record.expect("myelinctl services: open", counted: state, state == "open")
        let healthy = try lab.send(RequestLoad("wallet:8081", rate: 50, count: 300), from: caller)
        let changes = BreakerChange.read(node.daemonLog).dropFirst(skip).filter { $0.service == "wallet" && $0.endpoint == nil }
        let opened = changes.first { $0.change == "opened" }?.seconds ?? 0
        let life = changes.map { "\($0.change == "probing" ? "half-open" : $0.change) at \(($0.seconds - opened).formatted) s" }
        let cooled = changes.first { $0.change == "probing" }.map { $0.seconds - opened } ?? 0
        record.expect(
            "opened, half-open \(Self.cooling) s later, closed by the first success", counted: life.joined(separator: ", "),
            changes.map(\.change) == ["opened", "probing", "closed"] && abs(cooled - Self.cooling) < 0.5)
        record.expect(
            "from then on calls are answered, none fails otherwise", counted: healthy.byStatus,
            healthy.succeeded + healthy.reasons["circuit_open", default: 0] == 300 && healthy.succeeded > 100)
    }
}

/// A line of the daemon's log that tells of a circuit breaker.
struct BreakerChange: Decodable {
    let service: String
    let change: String
    let endpoint: String?
    private let time: String

    static func read(_ log: String) -> [BreakerChange] {
        ((try? String(contentsOfFile: log, encoding: .utf8)) ?? "").split(separator: "\n").filter { $0.contains("\"circuit breaker\"") }
            .compactMap { try? JSONDecoder().decode(BreakerChange.self, from: Data($0.utf8)) }
    }

    /// Since 2001.
    var seconds: Double {
        let style = Date.ISO8601FormatStyle(includingFractionalSeconds: true)
        return (try? style.parse(time))?.timeIntervalSinceReferenceDate ?? 0
    }
}
