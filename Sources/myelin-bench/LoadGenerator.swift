import Foundation

/// `myelin-load`, which lies beside this program: the only place that knows its arguments and answers.
///
/// `echo --listen A` echoes on every connection. `ping`, `connect` and `bulk` with `--connect A --connections N --seconds S --json`
/// print one `LoadResult`. `hold --connect A --connections N` opens N connections, echoes a byte on each, prints a line, and waits.
struct LoadGenerator {
    let program: String

    init() throws {
        let own = URL(fileURLWithPath: CommandLine.arguments[0]).resolvingSymlinksInPath()
        program = own.deletingLastPathComponent().appendingPathComponent("myelin-load").path
        guard FileManager.default.isExecutableFile(atPath: program) else { throw BenchFailure("\(program) is missing: run `make build`") }
    }

    func server(port: Int) -> [String] { [program, "echo", "--listen", "0.0.0.0:\(port)"] }

    func run(_ operation: Operation, against address: String, seconds: Double, from prefix: [String]) throws -> LoadResult {
        let mode: [String]
        switch operation {
        case .ping1, .ping64: mode = ["ping", "--size", "128"]
        case .connect: mode = ["connect", "--size", "128"]
        case .bulk: mode = ["bulk"]
        case .http1, .http64: return try requests(operation.connections, against: address, seconds: seconds, from: prefix)
        case .streams100: return try HTTP2Load.run(connections: 1, streams: 100, against: address, seconds: seconds, from: prefix)
        case .streams64: return try HTTP2Load.run(connections: 64, streams: 1, against: address, seconds: seconds, from: prefix)
        }
        let arguments = ["--connect", address, "--connections", String(operation.connections), "--seconds", String(seconds), "--json"]
        let text = try Child.output(prefix + [program] + mode + arguments)
        return try JSONDecoder().decode(LoadResult.self, from: Data(text.utf8))
    }

    /// `wrk` with a script that prints what it measured as JSON. It counts whole seconds.
    private func requests(_ connections: Int, against address: String, seconds: Double, from prefix: [String]) throws -> LoadResult {
        let script = FileManager.default.temporaryDirectory.appendingPathComponent("myelin-bench-\(getpid()).lua")
        try Self.script.write(to: script, atomically: true, encoding: .utf8)
        defer { try? FileManager.default.removeItem(at: script) }
        let arguments = [
            "-t1", "-c\(connections)", "-d\(Int(seconds.rounded(.up)))s", "--latency", "-s", script.path, "http://\(address)/items/7",
        ]
        let text = try Child.output(prefix + ["wrk"] + arguments)
        guard let line = text.split(separator: "\n").last(where: { $0.hasPrefix("{") }) else {
            throw BenchFailure("wrk said nothing: \(text)")
        }
        return try JSONDecoder().decode(LoadResult.self, from: Data(line.utf8))
    }

    private static let script = """
        done = function(summary, latency, requests)
          local errors = summary.errors
          local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
          io.write(string.format('\\n{"operations":%d,"perSecond":%f,"errors":%d,"p50Microseconds":%f,"p99Microseconds":%f}\\n',
            summary.requests - failed, (summary.requests - failed) / (summary.duration / 1e6), failed,
            latency:percentile(50), latency:percentile(99)))
        end
        """

    /// Holds `count` connections open, each having echoed once, while `body` runs.
    func whileHolding<Value>(_ count: Int, against address: String, from prefix: [String], _ body: () throws -> Value) throws -> Value {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = prefix + [program, "hold", "--connect", address, "--connections", String(count)]
        let output = Pipe()
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = output
        try process.run()
        defer {
            kill(process.processIdentifier, SIGKILL)
            process.waitUntilExit()
        }
        // It says so once all are open.
        guard !output.fileHandleForReading.availableData.isEmpty else { throw BenchFailure("the connections to hold could not be opened") }
        usleep(200_000)
        return try body()
    }
}

/// What one run of the load generator came to.
struct LoadResult: Codable {
    let operations: Double
    let perSecond: Double
    let errors: Int
    let p50Microseconds: Double?
    let p99Microseconds: Double?
}
