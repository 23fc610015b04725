import Foundation

/// Python with the packages that `scripts/peers.sh` installs, and the programs that run in it.
enum PythonPeers {
    private static let environment = FileManager.default.currentDirectoryPath + "/.build/peers/venv"
    static let python = environment + "/bin/python"
    static var isThere: Bool { FileManager.default.fileExists(atPath: environment + "/packages") }
    static func program(_ name: String) -> String { Bundle.module.path(forResource: "Peers/" + name, ofType: "py") ?? name }

    /// A program that runs until its owner goes.
    final class Running {
        private let process = Process()
        private let log: URL

        init(_ arguments: [String], log: String) throws {
            self.log = URL(fileURLWithPath: log)
            try Data().write(to: self.log)
            let output = try FileHandle(forWritingTo: self.log)
            process.executableURL = URL(fileURLWithPath: PythonPeers.python)
            process.arguments = arguments
            process.standardInput = FileHandle.nullDevice
            process.standardOutput = output
            process.standardError = output
            try process.run()
        }

        deinit { end() }

        var output: String { (try? String(contentsOf: log, encoding: .utf8)) ?? "" }
        var isRunning: Bool { process.isRunning }

        /// Until it has said so, or has ended, or 20 seconds are over.
        func awaitOutput(_ isIt: (String) -> Bool) -> Bool {
            let deadline = Date().addingTimeInterval(20)
            while Date() < deadline {
                if isIt(output) { return true }
                if !isRunning { return isIt(output) }
                usleep(20_000)
            }
            return false
        }

        func end() {
            guard process.isRunning else { return }
            kill(process.processIdentifier, SIGKILL)
            process.waitUntilExit()
        }
    }
}
