import Foundation

/// A process that the benchmark started: pinned to a core, in a namespace, ended with its owner.
final class Child {
    let process: Process
    var pid: Int32 { process.processIdentifier }

    /// Starts `command` in the network namespace `namespace` on `core`; its output goes to `log`. The pid is the program's own:
    /// `ip` and `taskset` replace themselves by it.
    init(_ command: [String], namespace: String, core: Int, log: URL) throws {
        try Data().write(to: log)
        let output = try FileHandle(forWritingTo: log)
        process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["ip", "netns", "exec", namespace, "taskset", "-c", String(core)] + command
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = output
        process.standardError = output
        try process.run()
    }

    func end() {
        guard process.isRunning else { return }
        kill(pid, SIGKILL)
        process.waitUntilExit()
    }

    /// Runs `command` to its end and returns its standard output.
    @discardableResult
    static func output(_ command: [String]) throws -> String {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = command
        let output = Pipe()
        let errors = Pipe()
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = output
        process.standardError = errors
        try process.run()
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        let complaint = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw BenchFailure("\(command.joined(separator: " ")): status \(process.terminationStatus): \(complaint.suffix(500))")
        }
        return text
    }
}
