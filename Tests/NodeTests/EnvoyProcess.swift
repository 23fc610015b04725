import Foundation

/// Envoy, running in a network namespace; ended with its owner.
final class EnvoyProcess {
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    private let process = Process()
    private let log: URL

    /// Where `scripts/envoy.sh` put it, or what MYELIN_ENVOY names; nil if there is none.
    static let binary: String? = {
        let named = ProcessInfo.processInfo.environment["MYELIN_ENVOY"]
        let built = FileManager.default.currentDirectoryPath + "/.build/peers/envoy"
        return [named, built].compactMap { $0 }.first(where: FileManager.default.isExecutableFile)
    }()

    /// Starts Envoy with `configuration` in the namespace that the file `namespace` names (`/run/netns/…`) and waits until it
    /// listens on `port`. Files go into `directory`.
    init(_ configuration: String, namespace: String, listening port: Int, directory: URL) throws {
        let binary = try Self.require()
        let file = directory.appendingPathComponent("envoy-\(port).yaml")
        log = directory.appendingPathComponent("envoy-\(port).log")
        try configuration.write(to: file, atomically: true, encoding: .utf8)
        try Data().write(to: log)
        let output = try FileHandle(forWritingTo: log)
        process.executableURL = URL(fileURLWithPath: "/usr/bin/nsenter")
        process.arguments = [
            "--net=" + namespace, binary, "-c", file.path, "--concurrency", "1", "--use-dynamic-base-id", "--log-level", "info",
        ]
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = output
        process.standardError = output
        try process.run()
        try awaitListener(port, namespace: namespace)
    }

    deinit { end() }

    func end() {
        guard process.isRunning else { return }
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
    }

    /// What it has said so far.
    var output: String { (try? String(contentsOf: log, encoding: .utf8)) ?? "" }

    /// Has Envoy check `configuration` without running it; throws what it objects to.
    static func validate(_ configuration: String, directory: URL) throws {
        let binary = try require()
        let file = directory.appendingPathComponent("validate-\(UUID().uuidString).yaml")
        try configuration.write(to: file, atomically: true, encoding: .utf8)
        try command([binary, "--mode", "validate", "-c", file.path, "--log-level", "error"])
    }

    private static func require() throws -> String {
        guard let binary else { throw Failure(description: "there is no Envoy: run scripts/envoy.sh .build/peers") }
        return binary
    }

    private func awaitListener(_ port: Int, namespace: String) throws {
        let deadline = Date().addingTimeInterval(15)
        while Date() < deadline, process.isRunning {
            let sockets = try Self.command(["nsenter", "--net=" + namespace, "ss", "-Hltn", "sport = :\(port)"])
            if !sockets.isEmpty { return }
            usleep(50_000)
        }
        end()
        throw Failure(description: "Envoy does not listen on \(port): \(output.suffix(1500))")
    }

    @discardableResult
    static func command(_ arguments: [String]) throws -> String {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = arguments
        let output = Pipe()
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = output
        process.standardError = output
        try process.run()
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw Failure(description: "\(arguments.joined(separator: " ")): status \(process.terminationStatus): \(text.suffix(1500))")
        }
        return text
    }
}
