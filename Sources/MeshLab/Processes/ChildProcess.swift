internal import Foundation
internal import MeshSystem

/// What a command printed and how it ended.
package struct CommandResult: Sendable, CustomStringConvertible {
    /// Standard output and standard error, in the order written.
    package let output: String
    /// Exit status; 128 + signal when a signal ended it; nil when it was killed at the timeout.
    package let status: Int32?
    package var succeeded: Bool { status == 0 }
    package var timedOut: Bool { status == nil }
    package var description: String { "status \(status.map(String.init) ?? "timeout"): \(output)" }
}

/// Where a program runs. It is in its cgroup and its namespace before it executes.
struct Placement: Sendable {
    enum Namespace: Sendable {
        case own
        /// With its own /etc/resolv.conf and /sys, as `ip netns exec` binds them.
        case pod(String)
        /// The network only: /sys/fs/bpf and the cgroups stay visible.
        case networkOnly(String)
    }
    var cgroup: String?
    var namespace: Namespace

    func arguments(_ command: [String]) -> [String] {
        var words: [String]
        switch namespace {
        case .own: words = command
        case .pod(let name): words = ["ip", "netns", "exec", name] + command
        case .networkOnly(let name): words = ["nsenter", "--net=/run/netns/" + name, "--"] + command
        }
        guard let cgroup else { return ["/usr/bin/env"] + words }
        return ["/bin/sh", "-c", "echo 0 > \"$1/cgroup.procs\" || exit 125; shift; exec \"$@\"", "sh", cgroup] + words
    }
}

/// A program in a session of its own.
package struct ChildProcess: Sendable {
    package let pid: Int32

    /// - Parameters:
    ///   - log: file that takes standard output and error, appended to.
    init(_ command: [String], in placement: Placement, log: String, environment: [String: String] = [:]) throws(LabError) {
        pid = try Self.spawn(placement.arguments(command), log: log, environment: environment)
    }

    /// Sends `signal` to the program alone.
    package func signal(_ signal: Int32) { kill(pid, signal) }

    /// Waits until it ends, at most `timeout`; nil when it is still running then.
    package func wait(timeout: Duration) -> Int32? {
        let deadline = ContinuousClock.now + timeout
        while true {
            if let status = reap() { return status }
            if ContinuousClock.now >= deadline { return nil }
            usleep(Self.pollInterval)
        }
    }

    /// Its exit status if it has ended; 255 when somebody else took it.
    func reap() -> Int32? {
        var status: Int32 = 0
        let found = waitpid(pid, &status, WNOHANG)
        if found == 0 { return nil }
        if found < 0 { return errno == EINTR ? nil : 255 }
        let signal = status & 0x7f
        return signal == 0 ? (status >> 8) & 0xff : 128 + signal
    }

    /// Ends it with everything in its session's process group.
    package func end() {
        kill(-pid, SIGKILL)
        kill(pid, SIGKILL)
        _ = wait(timeout: .seconds(5))
    }

    /// Microseconds between two looks at a process.
    static let pollInterval: UInt32 = 2_000

    /// Runs a command to its end.
    static func run(
        _ command: [String], in placement: Placement, timeout: Duration, environment: [String: String] = [:]
    ) throws(LabError) -> CommandResult {
        let log = NSTemporaryDirectory() + "/myelin-lab-\(UUID().uuidString)"
        defer { unlink(log) }
        let child = try ChildProcess(command, in: placement, log: log, environment: environment)
        let status = child.wait(timeout: timeout)
        if status == nil { child.end() }
        let data = FileManager.default.contents(atPath: log) ?? Data()
        return CommandResult(output: String(decoding: data, as: UTF8.self), status: status)
    }

    /// Runs a shell script of the laboratory itself; throws unless it succeeds.
    @discardableResult
    static func script(_ text: String, timeout: Duration = .seconds(60)) throws(LabError) -> String {
        let result = try run(["sh", "-e", "-c", text], in: Placement(cgroup: nil, namespace: .own), timeout: timeout)
        guard result.succeeded else { throw LabError("a command failed", "\(text.prefix(300)): \(result.description.suffix(600))") }
        return result.output
    }

    /// POSIX_SPAWN_SETSID, which the C library hides from Swift.
    private static let setsid: Int32 = 0x80

    /// Above standard error: a program must not hold sockets and files of the laboratory's process open. One that another thread has
    /// closed meanwhile is no error.
    private static func openDescriptors() -> [Int32] {
        ((try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")) ?? []).compactMap { Int32($0) }.filter { $0 > 2 }
    }

    private static func spawn(_ arguments: [String], log: String, environment: [String: String]) throws(LabError) -> Int32 {
        var actions = posix_spawn_file_actions_t()
        var attributes = posix_spawnattr_t()
        posix_spawn_file_actions_init(&actions)
        posix_spawnattr_init(&attributes)
        defer {
            posix_spawn_file_actions_destroy(&actions)
            posix_spawnattr_destroy(&attributes)
        }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, log, O_WRONLY | O_CREAT | O_APPEND, 0o644)
        posix_spawn_file_actions_adddup2(&actions, 1, 2)
        for descriptor in openDescriptors() { posix_spawn_file_actions_addclose(&actions, descriptor) }
        var signals = sigset_t()
        sigemptyset(&signals)
        posix_spawnattr_setsigmask(&attributes, &signals)
        sigfillset(&signals)
        posix_spawnattr_setsigdefault(&attributes, &signals)
        let flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | setsid
        posix_spawnattr_setflags(&attributes, Int16(flags))
        let merged = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        var words: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) } + [nil]
        var variables: [UnsafeMutablePointer<CChar>?] = merged.map { strdup("\($0.key)=\($0.value)") } + [nil]
        defer { for pointer in words + variables { free(pointer) } }
        var pid: pid_t = 0
        let code = posix_spawnp(&pid, arguments[0], &actions, &attributes, &words, &variables)
        guard code == 0 else { throw LabError("cannot start \(arguments.joined(separator: " "))", String(cString: strerror(code))) }
        return pid
    }
}
