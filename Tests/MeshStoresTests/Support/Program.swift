import Foundation
import Glibc

/// A program that a test runs. It inherits no descriptor: a server that held a pipe of another test's program would keep that from ending.
struct Program: Sendable {
    struct NotStarted: Error {
        let code: Int32
    }

    private static let closing =
        #"for open in /proc/$$/fd/*; do open=${open##*/}; [ "$open" -le 2 ] || eval "exec $open>&-"; done; exec "$@""#

    let pid: pid_t

    /// - Parameters:
    ///   - command: with its full path.
    ///   - output: a file, for standard output and error.
    init(_ command: [String], environment: [String: String] = [:], output: String) throws {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, output, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        posix_spawn_file_actions_adddup2(&actions, 1, 2)
        let variables = ProcessInfo.processInfo.environment.merging(environment) { $1 }.map { "\($0.key)=\($0.value)" }
        var arguments: [UnsafeMutablePointer<CChar>?] = (["/bin/bash", "-c", Self.closing, "bash"] + command).map { strdup($0) } + [nil]
        var settings: [UnsafeMutablePointer<CChar>?] = variables.map { strdup($0) } + [nil]
        defer { for text in arguments + settings { free(text) } }
        var pid: pid_t = 0
        let code = posix_spawn(&pid, "/bin/bash", &actions, nil, &arguments, &settings)
        guard code == 0 else { throw NotStarted(code: code) }
        self.pid = pid
    }

    func signal(_ number: Int32) { kill(pid, number) }

    /// - Returns: its status, or 128 + signal.
    @discardableResult
    func wait() -> Int32 {
        var status: Int32 = 0
        while waitpid(pid, &status, 0) < 0, errno == EINTR {}
        let signal = status & 0x7f
        return signal == 0 ? (status >> 8) & 0xff : 128 + signal
    }

    var isRunning: Bool {
        var info = siginfo_t()
        // Without waiting, and without taking its status away.
        return waitid(P_PID, id_t(pid), &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_signo == 0
    }
}

/// A program's exit status and output.
@discardableResult
func run(_ arguments: [String], environment: [String: String] = [:]) -> (status: Int32, output: String) {
    let scratch = Scratch()
    let file = "\(scratch.path)/output"
    let status = try! Program(["/usr/bin/env"] + arguments, environment: environment, output: file).wait()
    return (status, (try? String(contentsOfFile: file, encoding: .utf8)) ?? "")
}
