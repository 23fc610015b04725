internal import Foundation
internal import MeshLab

/// Runs the demonstration in a process of its own, and removes its laboratory however that ends: also when it crashes, and at Ctrl-C.
struct DemoGuard {
    /// The laboratory's name.
    let lab: String

    /// Set in the process that is guarded.
    private static let mark = "MYELIN_LAB_GUARDED"

    /// - Returns: the exit status for this process; nil in the guarded one, which is to go on.
    func runGuarded() throws -> Int32? {
        guard ProcessInfo.processInfo.environment[Self.mark] == nil else { return nil }
        var signals = sigset_t()
        sigemptyset(&signals)
        for signal in [SIGINT, SIGTERM, SIGHUP, SIGCHLD] { sigaddset(&signals, signal) }
        pthread_sigmask(SIG_BLOCK, &signals, nil)
        let child = try start()
        while true {
            var signal: Int32 = 0
            guard sigwait(&signals, &signal) == 0 else { continue }
            var status: Int32 = 0
            if signal == SIGCHLD {
                guard waitpid(child, &status, WNOHANG) == child else { continue }
                let fatal = status & 0x7f
                if fatal != 0 { try Lab.lower(name: lab) }
                return fatal == 0 ? (status >> 8) & 0xff : 128 + fatal
            }
            kill(child, SIGKILL)
            waitpid(child, &status, 0)
            try Lab.lower(name: lab)
            print("\nStopped; the laboratory is removed.")
            return 128 + signal
        }
    }

    /// This program again, with the same arguments and the same output.
    private func start() throws -> pid_t {
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigmask(&attributes, &none)
        // A group of its own: Ctrl-C is for the guard, which ends it.
        posix_spawnattr_setpgroup(&attributes, 0)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP))
        var words: [UnsafeMutablePointer<CChar>?] = CommandLine.arguments.map { strdup($0) } + [nil]
        let environment = ProcessInfo.processInfo.environment.merging([Self.mark: "1"]) { $1 }
        var variables: [UnsafeMutablePointer<CChar>?] = environment.map { strdup("\($0.key)=\($0.value)") } + [nil]
        defer { for word in words + variables { free(word) } }
        var child: pid_t = 0
        let code = posix_spawn(&child, "/proc/self/exe", nil, &attributes, &words, &variables)
        guard code == 0 else { throw DemoFailure(description: "the demonstration cannot be started: \(String(cString: strerror(code)))") }
        return child
    }
}

struct DemoFailure: Error, CustomStringConvertible {
    let description: String
}
