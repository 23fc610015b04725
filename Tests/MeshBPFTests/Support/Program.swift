import Foundation

/// An unmodified program that runs in a cgroup and a network namespace.
final class Program {
    private let process = Process()
    private let output = Pipe()
    private let input = Pipe()

    /// - Parameter cgroup: absolute directory; the program is in it before it makes its first call.
    init(_ command: [String], cgroup: String?, namespace: String?) throws {
        var script = ""
        if let cgroup { script += "echo $$ > '\(cgroup)/cgroup.procs' || exit 99; " }
        let enter = namespace.map { ["nsenter", "--net=/run/netns/\($0)"] } ?? []
        script += "exec \"$@\""
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.arguments = ["-c", script, "sh"] + enter + command
        process.standardOutput = output
        process.standardError = output
        process.standardInput = input
        try process.run()
    }

    /// Python source, flushed output.
    convenience init(python source: String, cgroup: String?, namespace: String?) throws {
        try self.init(["/usr/bin/env", "python3", "-u", "-c", source], cgroup: cgroup, namespace: namespace)
    }

    var pid: Int32 { process.processIdentifier }

    /// Waits for a line of output.
    func line() -> String {
        var bytes: [UInt8] = []
        while let byte = try? output.fileHandleForReading.read(upToCount: 1)?.first, byte != UInt8(ascii: "\n") {
            bytes.append(byte)
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Gives the program a line of input.
    func tell(_ text: String) { input.fileHandleForWriting.write(Data((text + "\n").utf8)) }

    /// Waits for its end; everything it printed.
    func finish() -> String {
        let data = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return String(decoding: data, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
    }

    func end() {
        if process.isRunning { kill(process.processIdentifier, SIGKILL) }
        process.waitUntilExit()
    }
}

/// Runs a command of the system; traps when it fails, because a test cannot go on without it.
@discardableResult
func shell(_ command: String, allowFailure: Bool = false) -> String {
    let process = Process()
    let output = Pipe()
    process.executableURL = URL(fileURLWithPath: "/bin/sh")
    process.arguments = ["-c", command]
    process.standardOutput = output
    process.standardError = output
    try! process.run()
    let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    precondition(allowFailure || process.terminationStatus == 0, "\(command): \(text)")
    return text
}
