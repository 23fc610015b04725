internal import Glibc
package import MeshBPF
internal import MeshRuntime
package import MeshTelemetry
internal import MeshTypes
internal import Synchronization

/// The thread that takes events from the kernel's ring and passes them on as flows.
package final class KernelEventPump: Sendable {
    /// The ring is polled, so that the hooks need not wake anybody (CAPTURE: 7.0 → 1.5 µs a connect).
    private static let pollMilliseconds: Int32 = 20

    private let capture: Capture
    private let ring: FlowRing
    private let withdrawn: WithdrawnFlows
    private let stopping = Atomic<Bool>(false)
    private let lost = Atomic<UInt64>(0)

    package init(capture: Capture, ring: FlowRing, withdrawn: WithdrawnFlows) {
        self.capture = capture
        self.withdrawn = withdrawn
        self.ring = ring
    }

    /// Events that the kernel could not write because the ring was full, since the programs were first attached.
    package var lostEvents: UInt64 { lost.load(ordering: .relaxed) }

    package func start() {
        WorkerThread.start(name: "myelin-events") { [self] in run() }
    }

    package func stop() { stopping.store(true, ordering: .relaxed) }

    private func run() {
        while !stopping.load(ordering: .relaxed) {
            let offset = Self.realtimeOffset()
            let lost = capture.pollEvents(timeout: Self.pollMilliseconds) { event in
                guard var flow = FlowRecord(event, realtimeOffset: offset) else { return }
                if event.kind == .directClosed { withdrawn.explain(&flow) }
                ring.push(flow)
            }
            self.lost.store(lost, ordering: .relaxed)
        }
    }

    /// CLOCK_REALTIME − CLOCK_MONOTONIC; it changes when the clock is set.
    private static func realtimeOffset() -> Int64 {
        nanoseconds(CLOCK_REALTIME) - nanoseconds(CLOCK_MONOTONIC)
    }

    private static func nanoseconds(_ clock: clockid_t) -> Int64 {
        var time = timespec()
        clock_gettime(clock, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }
}
