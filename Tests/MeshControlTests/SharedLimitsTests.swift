import Foundation
import Logging
import MeshAdmin
import MeshConfig
import MeshControl
import MeshTelemetry
import Testing

/// What an operator sees of limits that all nodes share.
@Suite struct SharedLimitsTests {
    private func configuration(_ limits: String) throws -> NodeConfiguration {
        let file = FileManager.default.temporaryDirectory.appending(path: "myelin-limits-\(UUID().uuidString).yaml")
        defer { try? FileManager.default.removeItem(at: file) }
        try "node: {name: n, address: 10.0.0.1}\n\(limits)".write(to: file, atomically: true, encoding: .utf8)
        return try NodeConfiguration.load(file: file.path)
    }

    @Test func withoutRedisThereAreNone() throws {
        #expect(SharedLimits(try configuration(""), log: Logger(label: "test")) == nil)
    }

    @Test(arguments: [("local", "by itself"), ("refuse", "are refused")])
    func aRedisThatIsAwayIsAProblemWithARemedy(unavailable: String, meanwhile: String) async throws {
        // Nobody listens on port 1.
        let limits = try #require(
            SharedLimits(
                try configuration("limits: {redis: \"redis://127.0.0.1:1\", unavailable: \(unavailable)}\n"), log: Logger(label: "test")))
        #expect(limits.problem == nil && limits.check.outcome == .warning)
        limits.start()
        defer { limits.stop() }
        for _ in 0..<5000 where limits.problem == nil { try await Task.sleep(for: .milliseconds(1)) }
        let problem = try #require(limits.problem)
        #expect(problem.what.contains("redis://127.0.0.1:1/0 is away") && problem.remedy.contains("`limits` in node.yaml"))
        #expect(problem.remedy.contains(meanwhile))
        #expect(limits.check.outcome == .error && limits.check.remedy == problem.remedy)
        let text = MetricFamily.exposition(limits.families())
        #expect(text.contains("\nmyelin_global_limit_available 0\n"))
        #expect(text.contains("myelin_global_limit_leases_total{result=\"used_up\"} 0\n"))
    }
}
