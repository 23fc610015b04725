import Glibc
import MeshSystem

/// Opens connections, each of which echoes its own number, and keeps them.
struct HoldRun: ~Copyable {
    private let target: Target
    private let timeoutNanoseconds: UInt64
    private let poller: Poller
    private let events = PollEvents(capacity: 512)
    private let slots: UnsafeMutableBufferPointer<Slot>
    private var failures = FailureCounts()
    private(set) var lost = 0

    private struct Slot {
        var socket: Int32 = -1
        var phase = Phase.closed
        /// Of the answer, of eight bytes.
        var received = 0
        var answer: UInt64 = 0
        /// What the answer must be.
        var expected: UInt64 = 0
    }

    private enum Phase { case connecting, waiting, quiet, closed }

    /// Connections on their way at once, to stay within the listener's backlog.
    private static let opening = 256

    init(_ target: Target, connections: Int, timeoutNanoseconds: UInt64) throws(LoadFailure) {
        try FileLimit.raise(for: connections)
        let poller = try required { () throws(SystemError) in try Poller() }
        self.poller = poller
        self.target = target
        self.timeoutNanoseconds = timeoutNanoseconds
        slots = .allocate(capacity: connections)
        slots.initialize(repeating: Slot())
    }

    deinit {
        for slot in slots where slot.phase != .closed { close(slot.socket) }
        slots.deallocate()
    }

    /// Opens all and has each echo eight bytes.
    /// - Throws: with the kinds of failure, unless all succeeded. The timeout is that of no progress at all.
    mutating func openAll() throws(LoadFailure) {
        var (next, settled) = (0, 0)
        var progressAt = monotonicNanoseconds()
        while settled < slots.count {
            while next < slots.count, next - settled < Self.opening {
                if !open(next) { settled += 1 }
                next += 1
            }
            let done = poll(timeout: 50)
            settled += done
            let now = monotonicNanoseconds()
            if done > 0 { progressAt = now }
            if now - progressAt > timeoutNanoseconds {
                for _ in settled..<slots.count { failures.count(.timedOut) }
                break
            }
        }
        guard failures.total == 0 else {
            throw LoadFailure("\(failures.total) of \(slots.count) connections to \(target.address) did not open: \(failures.text)")
        }
    }

    /// Has each echo its number, all at the same time.
    mutating func echoAll() throws(LoadFailure) {
        var settled = 0
        for index in slots.indices {
            if slots[index].phase != .quiet || !ask(index, UInt64(index)) { settled += 1 }
        }
        var progressAt = monotonicNanoseconds()
        while settled < slots.count {
            let done = poll(timeout: 50)
            settled += done
            let now = monotonicNanoseconds()
            if done > 0 { progressAt = now }
            if now - progressAt > timeoutNanoseconds {
                for _ in settled..<slots.count { failures.count(.timedOut) }
                break
            }
        }
        guard failures.total + lost == 0 else {
            throw LoadFailure("of \(slots.count) held connections \(lost) were lost, and did not echo: \(failures.text)")
        }
    }

    /// Waits; counts those that the other end closes. - Parameter nanoseconds: nil: for ever.
    mutating func keep(nanoseconds: UInt64?) {
        let start = monotonicNanoseconds()
        while nanoseconds.map({ monotonicNanoseconds() - start < $0 }) ?? true {
            let before = lost
            _ = poll(timeout: 200)
            if lost > before { complain("\(lost) of \(slots.count) held connections were closed by the other end") }
        }
    }

    private mutating func open(_ index: Int) -> Bool {
        let (socket, error) = target.connect(number: index)
        guard socket >= 0 else {
            failures.count(FailureKind(errno: error), errno: error)
            return false
        }
        slots[index].socket = socket
        slots[index].phase = .connecting
        do throws(SystemError) {
            try poller.add(socket, [.readable, .writable, .peerHalfClosed, .edgeTriggered], token: UInt64(index))
            return true
        } catch {
            return drop(index, .other, error.code)
        }
    }

    /// Handles what is ready; returns how many connections came to the end of what they were asked.
    private mutating func poll(timeout: Int32) -> Int {
        var done = 0
        for event in 0..<poller.wait(events, timeout: timeout) {
            let index = Int(events[event].token)
            switch slots[index].phase {
            case .connecting:
                let error = TCPSocket.takeError(slots[index].socket)
                if error != 0 {
                    _ = drop(index, FailureKind(errno: error), error)
                    done += 1
                } else if events[event].ready.contains(.writable), !ask(index, ~UInt64(index)) {
                    done += 1
                }
            case .waiting: if receive(index) { done += 1 }
            case .quiet: _ = receive(index)
            case .closed: break
            }
        }
        return done
    }

    /// Sends the number, of which a socket without anything unsent always has room. False when the connection is gone.
    private mutating func ask(_ index: Int, _ number: UInt64) -> Bool {
        slots[index].phase = .waiting
        slots[index].received = 0
        slots[index].expected = number
        let sent = withUnsafeBytes(of: number) { send(slots[index].socket, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
        return sent == MemoryLayout<UInt64>.size || drop(index, FailureKind(errno: errno), errno)
    }

    /// True when the answer is complete, or will not come.
    private mutating func receive(_ index: Int) -> Bool {
        while true {
            let offset = slots[index].received
            let socket = slots[index].socket
            let room = MemoryLayout<UInt64>.size - offset
            // Of a quiet connection nothing but its end may come.
            let count = withUnsafeMutableBytes(of: &slots[index].answer) { bytes in
                recv(socket, room > 0 ? bytes.baseAddress! + offset : bytes.baseAddress!, max(room, 1), 0)
            }
            if count < 0, errno == EINTR { continue }
            if count < 0, errno == EAGAIN { return false }
            guard count > 0, room > 0 else {
                return !drop(index, count > 0 ? .corrupted : count == 0 ? .closedEarly : FailureKind(errno: errno), errno)
            }
            slots[index].received += count
            if slots[index].received == MemoryLayout<UInt64>.size, slots[index].phase == .waiting {
                guard slots[index].answer == slots[index].expected else { return !drop(index, .corrupted, 0) }
                slots[index].phase = .quiet
                return true
            }
        }
    }

    /// Closes it and counts why; false, as what was tried.
    private mutating func drop(_ index: Int, _ kind: FailureKind, _ code: Int32) -> Bool {
        if slots[index].phase == .quiet { lost += 1 } else { failures.count(kind, errno: code) }
        close(slots[index].socket)
        slots[index].phase = .closed
        return false
    }
}
