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
    /// Followers at a time; one more gets a stream that has ended.
    package static let maximumFollowers = 64
    /// Between two looks at the rings, in microseconds.
    private static let interval: UInt32 = 100_000

    private let rings: [FlowRing]
    private let names: @Sendable (ServiceID) -> ServiceIdentity?
    private let trustDomain: String
    private let output: LineFile
    private let metrics: FlowMetrics
    private let requests: RequestMetrics
    private let mirrors: MirrorMetrics
    /// Used by the log's thread, and by `stop` of a log that never ran.
    private let line: Mutex<FlowLine>
    private let state = Mutex(State())
    private let stopping = Atomic<Bool>(false)
    private let followerDrops = Atomic<UInt64>(0)
    private let stopped = DispatchSemaphore(value: 0)

    private enum Life { case idle, running, stopped }

    private struct State {
        var life = Life.idle
        var tail: [FlowRecord] = []
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
        metrics = FlowMetrics(names: names)
        requests = RequestMetrics(names: names)
        mirrors = MirrorMetrics(names: names)
        line = Mutex(FlowLine(names: names, trustDomain: trustDomain))
    }

    /// Once; a log that was stopped stays so.
    package func start() {
        let isFirst = state.withLock { state in
            defer { if state.life == .idle { state.life = .running } }
            return state.life == .idle
        }
        guard isFirst else { return }
        let thread = Thread { [self] in run() }
        thread.name = "myelin-flows"
        thread.start()
    }

    /// Returns when what the rings held is written and every follower's stream has ended.
    package func stop() {
        let life = state.withLock { state in
            defer { state.life = .stopped }
            return state.life
        }
        switch life {
        case .idle: finish()
        case .running:
            stopping.store(true, ordering: .relaxed)
            stopped.wait()
        case .stopped: return
        }
    }

    /// Opens the file again, after it was rotated.
    package func reopen() { output.reopen() }

    /// The last entries, the oldest first.
    package func recent(limit: Int, deniedOnly: Bool) -> [FlowEntry] {
        let records = state.withLock { state in
            let ordered = state.tail[state.next...] + state.tail[..<state.next]
            return Array(ordered.filter { !deniedOnly || $0.ending == .refused }.suffix(max(0, limit)))
        }
        return records.map { FlowEntry($0, trustDomain: trustDomain, names: names) }
    }

    /// Entries from now on, until the caller stops reading or the log stops.
    package func follow(deniedOnly: Bool) -> AsyncStream<FlowEntry> {
        let (stream, continuation) = AsyncStream.makeStream(
            of: FlowEntry.self, bufferingPolicy: .bufferingNewest(Self.followerBacklog))
        let id: Int? = state.withLock { state in
            guard state.life != .stopped, state.followers.count < Self.maximumFollowers else { return nil }
            state.nextFollower += 1
            state.followers[state.nextFollower] = Follower(deniedOnly: deniedOnly, continuation: continuation)
            return state.nextFollower
        }
        guard let id else {
            continuation.finish()
            return stream
        }
        continuation.onTermination = { [weak self] _ in _ = self?.state.withLock { $0.followers.removeValue(forKey: id) } }
        return stream
    }

    package func families() -> [MetricFamily] {
        let dropped = rings.reduce(0) { $0 + $1.dropped }
        return metrics.families() + requests.families() + [
            mirrors.family(),
            MetricFamily(
                name: "myelin_access_log_dropped_total", help: "Flows that found the ring to the access log full.", kind: .counter,
                samples: [MetricSample(value: Double(dropped))]),
            MetricFamily(
                name: "myelin_access_log_write_errors_total", help: "Batches of access lines that could not be written.", kind: .counter,
                samples: [MetricSample(value: Double(output.failures))]),
            MetricFamily(
                name: "myelin_flow_followers_dropped_total", help: "Entries that followers were too slow to take.", kind: .counter,
                samples: [MetricSample(value: Double(followerDrops.load(ordering: .relaxed)))]),
        ]
    }

    /// What writing said last, nil while it works.
    package var writeError: String? { output.lastError }

    private func run() {
        while !stopping.load(ordering: .relaxed) {
            drain()
            usleep(Self.interval)
        }
        finish()
        stopped.signal()
    }

    private func finish() {
        drain()
        for follower in state.withLock({ $0.followers.values.map(\.continuation) }) { follower.finish() }
    }

    private func drain() {
        line.withLock { line in
            for ring in rings {
                ring.drain { record in
                    if record.repeats == 0 {
                        metrics.count(record)
                        requests.count(record)
                        mirrors.count(record)
                    }
                    guard !record.isUnwritten, record.request.mirror?.isLogged ?? true else { return }
                    keep(record)
                    if output.isOn { line.append(record) }
                }
            }
            if !line.bytes.isEmpty { output.write(line.bytes) }
            line.removeAll()
        }
    }

    private func keep(_ record: FlowRecord) {
        let followers = state.withLock { state in
            if state.tail.count < Self.tailLength {
                state.tail.append(record)
            } else {
                state.tail[state.next] = record
                state.next = (state.next + 1) % Self.tailLength
            }
            return state.followers.isEmpty ? [] : state.followers.values.filter { !$0.deniedOnly || record.ending == .refused }
        }
        guard !followers.isEmpty else { return }
        let entry = FlowEntry(record, trustDomain: trustDomain, names: names)
        for follower in followers {
            if case .dropped = follower.continuation.yield(entry) { followerDrops.add(1, ordering: .relaxed) }
        }
    }
}
