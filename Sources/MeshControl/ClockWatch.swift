internal import Foundation
internal import Glibc
internal import Logging
internal import MeshAdmin
internal import MeshIdentity
internal import MeshTelemetry
internal import Synchronization

/// Notices a wall clock that was set: certificates are judged by it, and renewals planned by it.
final class ClockWatch: Sendable {
    private static let interval = Duration.seconds(5)
    /// How long `check` speaks of a jump.
    private static let memory = Duration.seconds(24 * 3600)

    private struct State {
        var comparison: ClockComparison
        var jumps = 0
        var last: (by: Duration, at: ContinuousClock.Instant)?
    }

    private let log: Logger
    private let state: Mutex<State>

    init(log: Logger) {
        self.log = log
        state = Mutex(State(comparison: ClockComparison(real: Self.read(CLOCK_REALTIME), boot: Self.read(CLOCK_BOOTTIME))))
    }

    /// Until cancelled.
    func run(_ identities: IdentityStore) async {
        while !Task.isCancelled {
            do { try await Task.sleep(for: Self.interval) } catch { return }
            guard let jump = look() else { continue }
            log.warning(
                "the wall clock was set; renewals are planned anew",
                metadata: ["by_seconds": "\(jump.components.seconds)", "now": "\(Date().formatted(.iso8601))"])
            await identities.retry()
        }
    }

    private func look() -> Duration? {
        state.withLock { state in
            guard let jump = state.comparison.observe(real: Self.read(CLOCK_REALTIME), boot: Self.read(CLOCK_BOOTTIME)) else { return nil }
            state.jumps += 1
            state.last = (jump, .now)
            return jump
        }
    }

    func check() -> CheckView {
        let last = state.withLock { $0.last }
        guard let last, ContinuousClock.now - last.at < Self.memory else {
            return CheckView("clock jumps", .ok, "the wall clock was not set in the last day")
        }
        let seconds = last.by.components.seconds
        let ago = (ContinuousClock.now - last.at).components.seconds / 60
        return CheckView(
            "clock jumps", .warning, "the wall clock was set \(seconds < 0 ? "back" : "forward") by \(abs(seconds)) s, \(ago) min ago",
            remedy: "compare it with the other nodes': those whose clocks differ by more than a minute refuse each other's certificates")
    }

    func families() -> [MetricFamily] {
        [
            MetricFamily(
                name: "myelin_clock_jumps_total", help: "Times that the wall clock was set by more than 30 s.", kind: .counter,
                samples: [MetricSample(value: Double(state.withLock { $0.jumps }))])
        ]
    }

    private static func read(_ clock: clockid_t) -> Duration {
        var time = timespec()
        clock_gettime(clock, &time)
        return .seconds(time.tv_sec) + .nanoseconds(time.tv_nsec)
    }
}
