import Foundation

/// Instructions in user mode, counted by the processor (`perf stat`). Virtual machines often have no such counter.
enum Instructions {
    /// How long perf may take to attach (microseconds).
    private static let attaching: UInt32 = 200_000

    /// Counts those of `pids` and of all their threads while `body` runs.
    static func count<Value>(of pids: [Int32], during body: () throws -> Value) throws -> (value: Value, count: Double) {
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("myelin-bench-\(getpid())-perf.csv")
        defer { try? FileManager.default.removeItem(at: file) }
        let perf = Process()
        perf.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        let list = pids.map(String.init).joined(separator: ",")
        perf.arguments = ["perf", "stat", "-x,", "-e", "instructions:u", "-o", file.path, "-p", list]
        perf.standardInput = FileHandle.nullDevice
        perf.standardOutput = FileHandle.nullDevice
        perf.standardError = FileHandle.nullDevice
        try perf.run()
        usleep(attaching)
        let value: Value
        do { value = try body() } catch {
            end(perf)
            throw error
        }
        end(perf)
        return (value, try counted(in: (try? String(contentsOf: file, encoding: .utf8)) ?? ""))
    }

    /// perf writes what it counted when it is interrupted.
    private static func end(_ perf: Process) {
        if perf.isRunning { kill(perf.processIdentifier, SIGINT) }
        perf.waitUntilExit()
    }

    /// `123456,,instructions:u,…`, or `<not supported>` in place of the number.
    private static func counted(in text: String) throws -> Double {
        guard let line = text.split(separator: "\n").first(where: { $0.contains("instructions") && !$0.hasPrefix("#") }) else {
            throw BenchFailure("perf counted nothing (is linux-perf installed?)")
        }
        guard let count = Double(line.prefix { $0 != "," }) else {
            throw BenchFailure("this machine's processor does not count instructions (perf: \(line.prefix { $0 != "," }))")
        }
        return count
    }
}
