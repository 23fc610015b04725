import Glibc
import MeshSystem

/// Sends requests at a fixed rate, whatever the answers do (an open loop). One that finds all connections busy waits for one, and its
/// latency counts from when it ought to have been sent: a server that stalls is charged with all that it held up.
struct HTTPRun: ~Copyable {
    private let plan: RequestPlan
    private let poller: Poller
    private let events = PollEvents(capacity: eventsPerWait)
    private let scratch = UnsafeMutableRawBufferPointer.allocate(byteCount: scratchBytes, alignment: 64)
    private var slots: [RequestSlot]
    /// Slots without a request, in turn.
    private var free: [Int]
    private var tally = HTTPTally()
    private var begun = 0
    private var ended = 0

    private static let eventsPerWait = 256
    private static let scratchBytes = 64 << 10
    private static let sweepNanoseconds: UInt64 = 20_000_000

    init(_ plan: RequestPlan) throws(LoadFailure) {
        try FileLimit.raise(for: plan.connections)
        poller = try required { () throws(SystemError) in try Poller() }
        self.plan = plan
        slots = Array(repeating: RequestSlot(), count: plan.connections)
        free = Array(slots.indices.reversed())
    }

    deinit {
        for slot in slots where slot.socket >= 0 { close(slot.socket) }
        scratch.deallocate()
    }

    /// Until every request has ended in one way or another.
    mutating func run() -> HTTPTally {
        let start = monotonicNanoseconds()
        var sweepAt = start + Self.sweepNanoseconds
        while ended < plan.total {
            var now = monotonicNanoseconds()
            while begun < plan.total, !free.isEmpty, start + plan.due(begun) <= now {
                begin(free.removeLast(), due: start + plan.due(begun), now: now)
            }
            var until = sweepAt
            if begun < plan.total, !free.isEmpty { until = min(until, start + plan.due(begun)) }
            now = monotonicNanoseconds()
            let count = poller.wait(events, nanoseconds: until > now ? Int64(until - now) : 0)
            for index in 0..<count { handle(Int(events[index].token), events[index].ready) }
            if monotonicNanoseconds() >= sweepAt {
                sweep()
                sweepAt = monotonicNanoseconds() + Self.sweepNanoseconds
            }
        }
        tally.seconds = Double(monotonicNanoseconds() - start) / 1e9
        return tally
    }

    private mutating func begin(_ index: Int, due: UInt64, now: UInt64) {
        slots[index].request = plan.bytes(begun)
        slots[index].sent = 0
        slots[index].due = due
        slots[index].startedAt = now
        begun += 1
        if slots[index].phase == .idle, isStale(slots[index].socket) { disconnect(index) }
        guard slots[index].phase == .idle else { return connect(index) }
        slots[index].phase = .busy
        send(index)
    }

    /// The other end has closed it, or said what nobody asked for.
    private func isStale(_ socket: Int32) -> Bool {
        var byte: UInt8 = 0
        return !(recv(socket, &byte, 1, Int32(MSG_PEEK | MSG_DONTWAIT)) < 0 && errno == EAGAIN)
    }

    private mutating func connect(_ index: Int) {
        let (socket, error) = plan.target.connect(number: index)
        guard socket >= 0 else { return unconnected(index, error) }
        slots[index].socket = socket
        slots[index].phase = .connecting
        do throws(SystemError) {
            try poller.add(socket, [.readable, .writable, .peerHalfClosed, .edgeTriggered], token: UInt64(index))
        } catch { unconnected(index, error.code) }
    }

    private mutating func handle(_ index: Int, _ ready: Poller.Interest) {
        switch slots[index].phase {
        case .closed: break
        case .connecting:
            let error = TCPSocket.takeError(slots[index].socket)
            if error != 0 { return unconnected(index, error) }
            guard ready.contains(.writable) else { return }
            tally.connections += 1
            slots[index].phase = .busy
            send(index)
        case .idle:
            // Whatever comes now is no answer; most likely it is the end.
            if isStale(slots[index].socket) { disconnect(index) }
        case .busy:
            send(index)
            if slots[index].phase == .busy { receive(index) }
        }
    }

    private mutating func send(_ index: Int) {
        while slots[index].sent < slots[index].request.count {
            let sent = slots[index].request.withUnsafeBytes {
                Glibc.send(slots[index].socket, $0.baseAddress! + slots[index].sent, $0.count - slots[index].sent, Int32(MSG_NOSIGNAL))
            }
            if sent > 0 {
                slots[index].sent += sent
            } else if errno == EAGAIN {
                return
            } else if errno != EINTR {
                // An answer may have come before: a refusal, with the rest of the request unread.
                return receive(index)
            }
        }
    }

    private mutating func receive(_ index: Int) {
        while slots[index].phase == .busy {
            let count = recv(slots[index].socket, scratch.baseAddress, scratch.count, 0)
            if count < 0, errno == EINTR { continue }
            if count < 0, errno == EAGAIN { return }
            let failure: FailureKind? = count < 0 ? FailureKind(errno: errno) : count == 0 ? .closedEarly : nil
            if count > 0 { slots[index].reader.append(UnsafeRawBufferPointer(rebasing: scratch[..<count])) }
            do throws(LoadFailure) { try takeAnswer(index, hasEnded: count == 0) } catch { return broken(index, .corrupted) }
            if let failure, slots[index].phase == .busy { return broken(index, failure) }
        }
    }

    private mutating func takeAnswer(_ index: Int, hasEnded: Bool) throws(LoadFailure) {
        while slots[index].head == nil {
            guard let head = try slots[index].reader.head() else { return }
            // Interim answers are followed by the real one.
            if !(100..<200).contains(head.status) { slots[index].head = head }
        }
        guard let head = slots[index].head else { return }
        let isEmpty = plan.method == "HEAD" || head.status == 204 || head.status == 304
        let framing = isEmpty ? .length(0) : try head.framing(isAnswer: true)
        guard let body = try slots[index].reader.body(framing, hasEnded: hasEnded) else { return }
        let now = monotonicNanoseconds()
        tally.count(head, body: body, latency: now - min(now, slots[index].due))
        let goesOn =
            head.keepsAlive && framing != .untilEnd && slots[index].reader.isEmpty
            && slots[index].sent == slots[index].request.count
        if goesOn { slots[index].phase = .idle } else { disconnect(index) }
        end(index)
    }

    private mutating func unconnected(_ index: Int, _ error: Int32) {
        tally.unconnected += 1
        tally.failures.count(FailureKind(errno: error), errno: error)
        disconnect(index)
        end(index)
    }

    /// It may have arrived, so it is never sent again.
    private mutating func broken(_ index: Int, _ kind: FailureKind) {
        tally.failures.count(kind, errno: errno)
        disconnect(index)
        end(index)
    }

    private mutating func end(_ index: Int) {
        slots[index].head = nil
        slots[index].request = []
        ended += 1
        // At the far end: all connections are used in turn.
        free.insert(index, at: 0)
    }

    private mutating func disconnect(_ index: Int) {
        if slots[index].socket >= 0 { close(slots[index].socket) }
        slots[index].socket = -1
        slots[index].reader = HTTPReader()
        slots[index].phase = .closed
    }

    /// Gives up what takes too long.
    private mutating func sweep() {
        let now = monotonicNanoseconds()
        for index in slots.indices where now - min(now, slots[index].startedAt) >= plan.timeoutNanoseconds {
            switch slots[index].phase {
            case .connecting: unconnected(index, ETIMEDOUT)
            case .busy: broken(index, .timedOut)
            case .closed, .idle: break
            }
        }
    }
}
