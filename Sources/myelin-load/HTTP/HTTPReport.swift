import ArgumentParser
import Foundation

/// What an HTTP run came to, for programs and for people.
struct HTTPReport: Encodable {
    let requests: Int
    /// Answered with a status of 2xx.
    let succeeded: Int
    let statuses: [String: Int]
    let instances: [String: Int]
    /// By `x-myelin-reason`.
    let reasons: [String: Int]
    let failures: [String: Int]
    /// Of the failures, those for want of a connection.
    let unconnected: Int
    let connections: Int
    let seconds: Double
    let p50Milliseconds: Double?
    let p90Milliseconds: Double?
    let p99Milliseconds: Double?
    let maxMilliseconds: Double
    private let failureText: String

    private enum CodingKeys: CodingKey {
        case requests, succeeded, statuses, instances, reasons, failures, unconnected, connections, seconds
        case p50Milliseconds, p90Milliseconds, p99Milliseconds, maxMilliseconds
    }

    init(_ tally: HTTPTally) {
        requests = tally.answered + tally.failures.total
        succeeded = tally.succeeded
        statuses = tally.statuses
        instances = tally.instances
        reasons = tally.reasons
        failures = tally.failures.byName
        unconnected = tally.unconnected
        connections = tally.connections
        seconds = tally.seconds
        func milliseconds(_ share: Double) -> Double? { tally.latencies.quantile(share).map { $0 / 1000 } }
        p50Milliseconds = milliseconds(0.5)
        p90Milliseconds = milliseconds(0.9)
        p99Milliseconds = milliseconds(0.99)
        maxMilliseconds = Double(tally.longest) / 1e6
        failureText = tally.failures.text
    }

    /// Prints it and ends the program with status 1 unless every request succeeded.
    func conclude(_ output: OutputForm) throws {
        switch output {
        case .json:
            let encoder = JSONEncoder()
            encoder.outputFormatting = .sortedKeys
            printLine(String(decoding: try encoder.encode(self), as: UTF8.self))
        case .text: printLine(text)
        }
        if succeeded != requests { throw ExitCode(1) }
    }

    private var text: String {
        var lines = [
            String(format: "%d requests in %.2f s, %.0f/s: ", requests, seconds, Double(requests) / max(seconds, 1e-9))
                + "\(succeeded) succeeded, \(requests - succeeded) did not"
        ]
        for (title, counts) in [("status", statuses), ("instance", instances), ("x-myelin-reason", reasons)] where !counts.isEmpty {
            lines.append("  \(title): " + counts.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }.joined(separator: ", "))
        }
        if !failures.isEmpty { lines.append("  without an answer: \(failureText); \(unconnected) of them were never sent") }
        if let p50Milliseconds, let p90Milliseconds, let p99Milliseconds {
            lines.append(
                String(
                    format: "  latency p50 %.2f ms, p90 %.2f ms, p99 %.2f ms, max %.2f ms", p50Milliseconds, p90Milliseconds,
                    p99Milliseconds, maxMilliseconds))
        }
        lines.append("  connections opened: \(connections)")
        return lines.joined(separator: "\n")
    }
}

enum OutputForm: String, ExpressibleByArgument { case text, json }
