internal import Foundation

/// Requests at a fixed rate, as `myelin-load http` sends them.
package struct RequestLoad: Sendable {
    /// `usage:8087`.
    package var target: String
    package var path = "/"
    package var method = "GET"
    /// Requests per second.
    package var rate: Double
    package var count: Int
    package var connections = 16
    /// Each request has an identifier of its own.
    package var hasIDs = false
    package var fields: [String] = []
    /// Seconds that one request may take.
    package var timeout = 10

    package init(_ target: String, rate: Double, count: Int) {
        self.target = target
        self.rate = rate
        self.count = count
    }

    var arguments: [String] {
        var words = [
            "http", "--connect", target, "--path", path, "--method", method, "--rate", "\(rate)", "--count", "\(count)", "--connections",
            "\(connections)", "--timeout", "\(timeout)", "-o", "json",
        ]
        for field in fields { words += ["--header", field] }
        if hasIDs { words.append("--unique-id") }
        return words
    }

    /// Longer than it can take.
    var longest: Duration { .seconds(Double(count) / rate + Double(timeout) + 30) }
}

/// What became of them.
package struct RequestReport: Decodable, Sendable, CustomStringConvertible {
    package let requests: Int
    package let succeeded: Int
    package let statuses: [String: Int]
    package let instances: [String: Int]
    /// By `x-myelin-reason`.
    package let reasons: [String: Int]
    /// Without an answer, by what happened to the connection.
    package let failures: [String: Int]
    /// Of these, the ones that were never sent.
    package let unconnected: Int
    package let seconds: Double
    package let p50Milliseconds: Double?
    package let p90Milliseconds: Double?
    package let p99Milliseconds: Double?
    package let maxMilliseconds: Double

    package var failed: Int { requests - succeeded }

    package var description: String {
        func text(_ counts: [String: Int]) -> String {
            counts.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }.joined(separator: ", ")
        }
        return
            "\(succeeded) of \(requests) succeeded; status: \(text(statuses)); instances: \(text(instances)); reasons: \(text(reasons)); "
            + "failures: \(text(failures)); p99 \(p99Milliseconds ?? 0) ms, max \(maxMilliseconds) ms"
    }
}

/// What a steerable service was asked.
package struct RequestCounts: Decodable, Sendable {
    package let requests: Int
    package let methods: [String: Int]
    package let failed: Int
    package let mostAtOnce: Int
    /// Those that said to be a copy (`x-myelin-shadow`).
    package let shadows: Int
    package let ids: Int
    package let duplicates: Int
}

/// A load in the background.
package struct RunningLoad: Sendable {
    let process: ChildProcess
    let output: String
    let patience: Duration

    /// Waits for its end.
    package func finish() throws(LabError) -> RequestReport {
        if process.wait(timeout: patience) == nil { process.end() }
        let text = (try? String(contentsOfFile: output, encoding: .utf8)) ?? ""
        guard let line = text.split(separator: "\n").first,
            let report = try? JSONDecoder().decode(RequestReport.self, from: Data(line.utf8))
        else { throw LabError("a load told nothing", String(text.suffix(500))) }
        return report
    }
}
