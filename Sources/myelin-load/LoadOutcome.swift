import Foundation

/// What one thread counted.
struct ThreadTally {
    /// Messages, connections or KiB.
    var operations = 0
    /// Those after all connections were open.
    var settledOperations = 0
    var settledSeconds = 0.0
    var seconds = 0.0
    var failures = FailureCounts()
    let latencies: LatencyHistogram
}

/// Collects the threads' tallies.
final class ThreadResults: @unchecked Sendable {
    // Guarded by `lock`.
    private let lock = NSLock()
    private var results: [Result<ThreadTally, LoadFailure>] = []

    func add(_ result: Result<ThreadTally, LoadFailure>) { lock.withLock { results.append(result) } }

    func outcome() throws(LoadFailure) -> LoadOutcome {
        let latencies = LatencyHistogram()
        var failures = FailureCounts()
        var (operations, rate, seconds) = (0, 0.0, 0.0)
        for result in lock.withLock({ results }) {
            let tally = try result.get()
            operations += tally.operations
            if tally.settledSeconds > 0 { rate += Double(tally.settledOperations) / tally.settledSeconds }
            seconds = max(seconds, tally.seconds)
            failures.add(tally.failures)
            latencies.add(tally.latencies)
        }
        return LoadOutcome(operations: operations, perSecond: rate, seconds: seconds, failures: failures, latencies: latencies)
    }
}

/// What a run came to, for the benchmark and for people.
struct LoadOutcome: Encodable {
    /// Messages, connections or KiB.
    let operations: Int
    /// Since all connections were open, so that set-up does not count.
    let perSecond: Double
    let errors: Int
    let failures: [String: Int]
    let seconds: Double
    let p50Microseconds: Double?
    let p99Microseconds: Double?
    private let failureText: String

    private enum CodingKeys: CodingKey { case operations, perSecond, errors, failures, seconds, p50Microseconds, p99Microseconds }

    init(operations: Int, perSecond: Double, seconds: Double, failures: FailureCounts, latencies: LatencyHistogram) {
        self.operations = operations
        self.perSecond = perSecond
        self.seconds = seconds
        self.failures = failures.byName
        errors = failures.total
        failureText = failures.text
        p50Microseconds = latencies.quantile(0.5)
        p99Microseconds = latencies.quantile(0.99)
    }

    /// Prints it, as one line of JSON or of text. - Parameter unit: of an operation, in the plural.
    /// - Throws: when no operation succeeded.
    func report(json: Bool, unit: String, target: Target) throws {
        if json {
            let encoder = JSONEncoder()
            encoder.outputFormatting = .sortedKeys
            printLine(String(decoding: try encoder.encode(self), as: UTF8.self))
        } else {
            var text = String(format: "%d \(unit) in %.2f s, %.0f/s", operations, seconds, perSecond)
            if let p50Microseconds, let p99Microseconds {
                text += String(format: ", p50 %.1f µs, p99 %.1f µs", p50Microseconds, p99Microseconds)
            }
            printLine(text + ", \(errors) errors" + (errors > 0 ? ": \(failureText)" : ""))
        }
        guard operations > 0 else {
            throw LoadFailure("nothing came through to \(target.address): \(errors == 0 ? "no answer" : failureText)")
        }
    }
}
