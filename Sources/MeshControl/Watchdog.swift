internal import Glibc
internal import Logging
internal import MeshRuntime
internal import MeshSystem
internal import Synchronization

/// Tells the supervisor that the daemon is alive, as long as it is: every worker turns its loop, names are answered, and the control side
/// gets through its passes. A daemon that hangs is silent, and the supervisor starts another one.
package final class Watchdog: Sendable {
    /// What is watched: monotonic nanoseconds of the last sign of life.
    package struct Signs: Sendable {
        package let workers: UInt64
        package let names: UInt64
        package let control: UInt64

        package init(workers: UInt64, names: UInt64, control: UInt64) {
            self.workers = workers
            self.names = names
            self.control = control
        }
    }

    /// Workers wake every 50 ms by themselves; names are asked for a turn at every look, and have until the next.
    static let loopPatience = Duration.seconds(5)
    /// A pass of the reconciler may wait for an authority, and for the disk.
    static let controlPatience = Duration.seconds(20)
    /// Looks within the interval that the supervisor grants (sd_watchdog_enabled(3) wants two).
    private static let looksPerInterval: Int64 = 3

    private let supervisor: Supervisor
    private let interval: Duration
    private let log: Logger
    private let look: @Sendable () -> Signs
    private let isStopped = Atomic(false)

    /// nil when the supervisor does not watch.
    init?(_ supervisor: Supervisor, log: Logger, look: @escaping @Sendable () -> Signs) {
        guard let granted = supervisor.watchdog else { return nil }
        self.supervisor = supervisor
        interval = granted / Self.looksPerInterval
        self.log = log
        self.look = look
    }

    /// On a thread of its own: one that waited for others would say nothing of them.
    func start() {
        WorkerThread.start(name: "myelin-watchdog") { [self] in
            while !isStopped.load(ordering: .relaxed) {
                report()
                pause()
            }
        }
    }

    func stop() { isStopped.store(true, ordering: .relaxed) }

    private func pause() {
        let (seconds, attoseconds) = interval.components
        var time = timespec(tv_sec: Int(seconds), tv_nsec: Int(attoseconds / 1_000_000_000))
        nanosleep(&time, nil)
    }

    private func report() {
        let hung = Self.hung(look(), now: MonotonicClock.now())
        guard hung.isEmpty else {
            log.critical(
                "a part of the daemon hangs: the supervisor is not told that it is alive",
                metadata: ["parts": "\(hung.joined(separator: ", "))"])
            return
        }
        do throws(SystemError) { try supervisor.tell(.alive) } catch {
            log.error("the supervisor cannot be told that the daemon is alive", metadata: ["error": "\(error)"])
        }
    }

    /// The parts without a sign of life for too long.
    package static func hung(_ signs: Signs, now: UInt64) -> [String] {
        func isLate(_ sign: UInt64, _ patience: Duration) -> Bool {
            now > sign && Duration.nanoseconds(Int64(clamping: now - sign)) > patience
        }
        var parts: [String] = []
        if isLate(signs.workers, loopPatience) { parts.append("a worker") }
        if isLate(signs.names, loopPatience) { parts.append("the name server") }
        if isLate(signs.control, controlPatience) { parts.append("the reconciler") }
        return parts
    }
}
