import Foundation

/// `h2load`: HTTP/2 without TLS, as who knows beforehand that the server speaks it.
enum HTTP2Load {
    /// - Parameter streams: requests under way at once on each connection.
    static func run(
        connections: Int, streams: Int, against address: String, seconds: Double, from prefix: [String]
    ) throws -> LoadResult {
        let log = FileManager.default.temporaryDirectory.appendingPathComponent("myelin-bench-\(getpid())-h2load.log")
        defer { try? FileManager.default.removeItem(at: log) }
        let arguments = [
            "-t1", "-c\(connections)", "-m\(streams)", "-D\(Int(seconds * 1000))ms", "--log-file=\(log.path)",
            "http://\(address)/items/7",
        ]
        let text = try Child.output(prefix + ["h2load"] + arguments)
        guard let counts = counts(in: text) else { throw BenchFailure("h2load said something else than expected: \(text.suffix(500))") }
        let latencies = try latencies(in: log)
        return LoadResult(
            operations: Double(counts.succeeded), perSecond: Double(counts.succeeded) / seconds, errors: counts.failed,
            p50Microseconds: percentile(50, of: latencies), p99Microseconds: percentile(99, of: latencies))
    }

    /// `requests: 9 total, 9 started, 9 done, 9 succeeded, 0 failed, 0 errored, 0 timeout`
    private static func counts(in text: String) -> (succeeded: Int, failed: Int)? {
        guard let line = text.split(separator: "\n").first(where: { $0.hasPrefix("requests: ") }) else { return nil }
        var numbers: [Substring: Int] = [:]
        for part in line.dropFirst("requests: ".count).split(separator: ",") {
            let words = part.split(separator: " ")
            if words.count == 2 { numbers[words[1]] = Int(words[0]) }
        }
        guard let succeeded = numbers["succeeded"], let failed = numbers["failed"], let errored = numbers["errored"] else { return nil }
        return (succeeded, failed + errored)
    }

    /// Start, status and microseconds of each request, between tabs.
    private static func latencies(in log: URL) throws -> [Int] {
        try String(contentsOf: log, encoding: .utf8).split(separator: "\n").compactMap { line in
            let columns = line.split(separator: "\t")
            return columns.count >= 3 && columns[1] == "200" ? Int(columns[2]) : nil
        }.sorted()
    }

    private static func percentile(_ percent: Int, of sorted: [Int]) -> Double? {
        sorted.isEmpty ? nil : Double(sorted[min(sorted.count - 1, sorted.count * percent / 100)])
    }
}
