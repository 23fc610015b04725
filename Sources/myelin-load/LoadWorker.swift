import Glibc
import MeshSystem

/// One thread's event loop: its connections lie in a slab, and no operation allocates.
struct LoadWorker: ~Copyable {
    let workload: Workload
    let poller: Poller
    private let events = PollEvents(capacity: eventsPerWait)
    let slots: UnsafeMutableBufferPointer<Slot>
    let scratch = UnsafeMutableRawBufferPointer.allocate(byteCount: scratchBytes, alignment: 64)
    let payload: UnsafeMutableRawBufferPointer
    var tally = ThreadTally(latencies: LatencyHistogram())
    /// Operations and failures still to be begun; nil when time ends the run.
    var quota: Int?
    private var busy = 0
    private var waiting = 0
    private var opened = 0
    private var now: UInt64 = 0
    private var settledAt: UInt64 = 0

    /// One connection.
    struct Slot {
        var socket: Int32 = -1
        var phase = Phase.finished
        /// First byte of the present message: it must come back.
        var stamp: UInt8 = 0
        var hasOpened = false
        var sent = 0
        var received = 0
        /// Of the present operation; of the pause while `waiting`.
        var startedAt: UInt64 = 0
    }

    enum Phase { case connecting, open, waiting, finished }

    private static let eventsPerWait = 512
    static let scratchBytes = 256 * 1024
    static let bulkChunkBytes = 128 * 1024
    /// Turns of one bulk connection before others have theirs.
    static let bulkTurns = 16
    /// After a failure, so that a refusing target does not become a busy loop.
    private static let pauseNanoseconds: UInt64 = 10_000_000
    private static let sweepNanoseconds: UInt64 = 50_000_000
    /// Of the connections that are opened at once, to stay within the listener's backlog.
    private static let openingBurst = 256

    init(_ workload: Workload, connections: Int, quota: Int?) throws(LoadFailure) {
        let poller = try required { () throws(SystemError) in try Poller() }
        self.poller = poller
        self.workload = workload
        self.quota = quota
        slots = .allocate(capacity: connections)
        slots.initialize(repeating: Slot())
        let bytes = workload.kind == .bulk ? Self.bulkChunkBytes : workload.messageBytes
        payload = .allocate(byteCount: bytes, alignment: 64)
        for index in 0..<bytes { payload[index] = UInt8(truncatingIfNeeded: index &* 31 &+ 7) }
    }

    deinit {
        for slot in slots where slot.socket >= 0 { close(slot.socket) }
        slots.deallocate()
        scratch.deallocate()
        payload.deallocate()
    }

    /// Runs until time or quota are used up.
    mutating func run() -> ThreadTally {
        let start = monotonicNanoseconds()
        now = start
        let end: UInt64 =
            switch workload.extent {
            case .nanoseconds(let length): start + length
            case .operations: .max
            }
        if workload.kind == .connect { settledAt = start }
        var unstarted = 0
        var sweepAt = start + Self.sweepNanoseconds
        while now < end, unstarted < slots.count || busy + waiting > 0 {
            let burst = min(slots.count, unstarted + max(0, Self.openingBurst - (unstarted - opened)))
            while unstarted < burst {
                open(unstarted)
                unstarted += 1
            }
            let count = poller.wait(events, timeout: waiting > 0 ? 5 : 20)
            now = monotonicNanoseconds()
            for index in 0..<count {
                let event = events[index]
                handle(Int(event.token), event.ready)
            }
            if now >= sweepAt || waiting > 0 {
                sweep()
                sweepAt = now + Self.sweepNanoseconds
            }
        }
        now = monotonicNanoseconds()
        if workload.kind == .bulk { tally.operations >>= 10 }
        if workload.kind == .bulk { tally.settledOperations >>= 10 }
        tally.seconds = Double(now - start) / 1e9
        if settledAt > 0 { tally.settledSeconds = Double(now - settledAt) / 1e9 }
        return tally
    }

    private mutating func open(_ index: Int) {
        if let left = quota {
            guard left > 0 else {
                slots[index].phase = .finished
                return
            }
            quota = left - 1
        }
        let (socket, error) = workload.target.connect(number: index)
        slots[index].socket = socket
        slots[index].sent = 0
        slots[index].received = 0
        slots[index].startedAt = monotonicNanoseconds()
        guard socket >= 0 else { return pause(index, FailureKind(errno: error), error) }
        slots[index].phase = .connecting
        busy += 1
        do throws(SystemError) {
            try poller.add(socket, [.readable, .writable, .peerHalfClosed, .edgeTriggered], token: UInt64(index))
        } catch {
            fail(index, .other, errno: error.code)
        }
    }

    private mutating func handle(_ index: Int, _ ready: Poller.Interest) {
        switch slots[index].phase {
        case .open: advance(index, ready)
        case .connecting:
            let error = TCPSocket.takeError(slots[index].socket)
            if error != 0 { return fail(index, FailureKind(errno: error), errno: error) }
            guard ready.contains(.writable) else { return }
            slots[index].phase = .open
            noteOpen(index)
            if workload.kind == .ping { slots[index].startedAt = now }
            advance(index, ready)
        case .waiting, .finished: break
        }
    }

    private mutating func noteOpen(_ index: Int) {
        guard !slots[index].hasOpened else { return }
        slots[index].hasOpened = true
        opened += 1
        if opened == slots.count, settledAt == 0 { settledAt = now }
    }

    private mutating func advance(_ index: Int, _ ready: Poller.Interest) {
        switch workload.kind {
        case .ping, .connect: exchange(index, ready)
        case .bulk: stream(index)
        }
    }

    /// An operation succeeded: its latency counts from `startedAt`.
    mutating func succeed(_ index: Int) {
        let finished = monotonicNanoseconds()
        tally.latencies.record(finished - slots[index].startedAt)
        count(1)
        slots[index].startedAt = finished
    }

    mutating func count(_ operations: Int) {
        tally.operations += operations
        if settledAt > 0 { tally.settledOperations += operations }
    }

    /// Closes the connection and begins the next one in its place.
    mutating func renew(_ index: Int) {
        close(slots[index].socket)
        slots[index].socket = -1
        busy -= 1
        open(index)
    }

    mutating func fail(_ index: Int, _ kind: FailureKind, errno code: Int32 = 0) {
        close(slots[index].socket)
        busy -= 1
        pause(index, kind, code)
    }

    private mutating func pause(_ index: Int, _ kind: FailureKind, _ code: Int32) {
        tally.failures.count(kind, errno: code)
        slots[index].socket = -1
        slots[index].phase = .waiting
        slots[index].startedAt = now
        waiting += 1
        // Those that cannot open must not keep the others' rate from being taken.
        noteOpen(index)
    }

    /// Opens again what has paused long enough, and gives up what takes too long.
    private mutating func sweep() {
        for index in slots.indices {
            let age = now &- slots[index].startedAt
            // A start that was read after `now` is younger than it.
            guard age < UInt64.max / 2 else { continue }
            switch slots[index].phase {
            case .waiting where age >= Self.pauseNanoseconds:
                waiting -= 1
                open(index)
            case .connecting where age >= workload.timeoutNanoseconds, .open where age >= workload.timeoutNanoseconds:
                fail(index, .timedOut)
            case .waiting, .connecting, .open, .finished: break
            }
        }
    }

    mutating func noteProgress(_ index: Int) { slots[index].startedAt = now }
}
