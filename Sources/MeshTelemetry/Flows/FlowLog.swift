internal import Foundation
internal import Glibc
package import MeshTypes
internal import Synchronization

/// Takes finished flows from the workers' rings: writes the access log, keeps the last ones for `myelinctl flows`, counts for metrics.
///
/// A thread of its own does the work. It never makes a worker wait: what it cannot take or write is dropped and counted.
package final class FlowLog: Sendable {
    /// Entries kept for those who look back.
    package static let tailLength = 4096
    /// Entries that a follower may be behind; beyond, the oldest of them are dropped.
    package static let followerBacklog = 4096
    private static let interval: UInt32 = 100_000

    private let rings: [FlowRing]
    private let names: @Sendable (ServiceID) -> ServiceIdentity?
    private let trustDomain: String
    private let output: LineFile
    private let metrics = FlowMetrics()
    private let state = Mutex(State())
    private let stopping = Atomic<Bool>(false)
    private let stopped = DispatchSemaphore(value: 0)

    private struct State {
        var tail: [FlowEntry] = []
        var next = 0
        var followers: [Int: Follower] = [:]
        var nextFollower = 0
    }

    private struct Follower {
        let deniedOnly: Bool
        let continuation: AsyncStream<FlowEntry>.Continuation
    }

    package init(
        rings: [FlowRing], names: @escaping @Sendable (ServiceID) -> ServiceIdentity?, trustDomain: String, output: AccessLogOutput
    ) {
        self.rings = rings
        self.names = names
        self.trustDomain = trustDomain
        self.output = LineFile(output)
    }

    package func start() {
        let thread = Thread { [self] in run() }
        thread.name = "myelin-flows"
        thread.start()
    }

    /// Returns when what the rings held is written. Only after `start`.
    package func stop() {
        stopping.store(true, ordering: .relaxed)
        stopped.wait()
    }

    /// Opens the file again, after it was rotated.
    package func reopen() { output.reopen() }

    /// The last entries, the oldest first.
    package func recent(limit: Int, deniedOnly: Bool) -> [FlowEntry] {
        state.withLock { state in
            let ordered = state.tail[state.next...] + state.tail[..<state.next]
            return Array(ordered.filter { !deniedOnly || $0.isDenied }.suffix(max(0, limit)))
        }
    }

    /// Entries from now on, until the caller stops reading.
    package func follow(deniedOnly: Bool) -> AsyncStream<FlowEntry> {
        let (stream, continuation) = AsyncStream.makeStream(
            of: FlowEntry.self, bufferingPolicy: .bufferingNewest(Self.followerBacklog))
        let id = state.withLock { state in
            state.nextFollower += 1
            state.followers[state.nextFollower] = Follower(deniedOnly: deniedOnly, continuation: continuation)
            return state.nextFollower
        }
        continuation.onTermination = { [weak self] _ in _ = self?.state.withLock { $0.followers.removeValue(forKey: id) } }
        return stream
    }

    package func families() -> [MetricFamily] {
        let dropped = rings.reduce(0) { $0 + $1.dropped }
        return metrics.families() + [
            MetricFamily(
                name: "myelin_access_log_dropped_total", help: "Flows that found the ring to the access log full.", kind: .counter,
                samples: [MetricSample(value: Double(dropped))]),
            MetricFamily(
                name: "myelin_access_log_write_errors_total", help: "Batches of access lines that could not be written.", kind: .counter,
                samples: [MetricSample(value: Double(output.failures))]),
        ]
    }

    /// What writing said last, nil while it works.
    package var writeError: String? { output.lastError }

    private func run() {
        while !stopping.load(ordering: .relaxed) {
            drain()
            usleep(Self.interval)
        }
        drain()
        for follower in state.withLock({ $0.followers.values.map(\.continuation) }) { follower.finish() }
        stopped.signal()
    }

    private func drain() {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        encoder.keyEncodingStrategy = .convertToSnakeCase
        var lines = Data()
        for ring in rings {
            ring.drain { record in
                metrics.count(record, names: names)
                let entry = FlowEntry(record, trustDomain: trustDomain, names: names)
                keep(entry)
                // Strings and finite numbers always encode.
                guard output.isOn, let line = try? encoder.encode(entry) else { return }
                lines.append(line)
                lines.append(UInt8(ascii: "\n"))
            }
        }
        if !lines.isEmpty { output.write(lines) }
    }

    private func keep(_ entry: FlowEntry) {
        let followers = state.withLock { state in
            if state.tail.count < Self.tailLength {
                state.tail.append(entry)
            } else {
                state.tail[state.next] = entry
                state.next = (state.next + 1) % Self.tailLength
            }
            return state.followers.values.filter { !$0.deniedOnly || entry.isDenied }
        }
        for follower in followers { follower.continuation.yield(entry) }
    }
}
