import Foundation

/// Threads that run event loops of their own.
enum Threads {
    /// One for each core that this process may use, but not more than `work`.
    static func number(asked: Int?, work: Int) -> Int { max(1, min(asked ?? permittedCores(), work)) }

    /// Cores of this process's affinity: several loops on one core would take turns in slices of milliseconds.
    private static func permittedCores() -> Int {
        // `Cpus_allowed:` is a mask of hexadecimal words with commas between them.
        let status = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
        let mask = status.split(separator: "\n").first { $0.hasPrefix("Cpus_allowed:") }?.dropFirst("Cpus_allowed:".count) ?? ""
        let cores = mask.reduce(0) { $0 + ($1.hexDigitValue?.nonzeroBitCount ?? 0) }
        return cores > 0 ? cores : ProcessInfo.processInfo.activeProcessorCount
    }

    /// Runs `body` once on each of `count` threads, and returns when all are done.
    static func run(_ count: Int, _ body: @escaping @Sendable (Int) -> Void) {
        let done = DispatchSemaphore(value: 0)
        for index in 0..<count {
            let thread = Thread {
                body(index)
                done.signal()
            }
            thread.name = "load-\(index)"
            thread.start()
        }
        for _ in 0..<count { done.wait() }
    }

    /// `total` divided among `count`; the first ones have one more.
    static func share(of total: Int, thread index: Int, among count: Int) -> Int { total / count + (index < total % count ? 1 : 0) }
}

/// Nanoseconds of the monotonic clock.
func monotonicNanoseconds() -> UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
}

/// One line to standard output at once, also into a pipe.
func printLine(_ text: String) { FileHandle.standardOutput.write(Data((text + "\n").utf8)) }

func complain(_ text: String) { FileHandle.standardError.write(Data(("myelin-load: " + text + "\n").utf8)) }
