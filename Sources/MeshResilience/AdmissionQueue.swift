/// At most so many at one moment; the others wait in a bounded queue, each caller's in order, the callers in turn (R5.4). A pure value;
/// times are monotonic nanoseconds.
package struct AdmissionQueue<Ticket: Sendable>: Sendable {
    package enum Arrival: Equatable, Sendable {
        case admitted
        case queued
        /// The queue is full, or so long that the request's time would be over first; nanoseconds until that may be different.
        case refused(wait: UInt64)
    }

    package private(set) var active = 0
    package private(set) var waiting = 0
    private var queues: [UInt64: [Ticket]] = [:]
    /// Callers that have something waiting, the next one first.
    private var turns: [UInt64] = []
    /// Nanoseconds that one takes, smoothed.
    private var service = 0.0

    package init() {}

    /// - Parameters:
    ///   - caller: whose turn it counts as.
    ///   - patience: nanoseconds that it can wait.
    package mutating func arrive(_ ticket: Ticket, of caller: UInt64, concurrency: Int, limit: Int, patience: UInt64) -> Arrival {
        if active < concurrency, waiting == 0 {
            active += 1
            return .admitted
        }
        let expected = UInt64(service * Double(waiting + 1) / Double(max(1, concurrency)))
        guard waiting < limit, expected <= patience else { return .refused(wait: max(expected, 1)) }
        if queues[caller, default: []].isEmpty { turns.append(caller) }
        queues[caller, default: []].append(ticket)
        waiting += 1
        return .queued
    }

    /// One that was admitted has ended.
    ///
    /// - Parameter took: nanoseconds; nil if it says nothing of how long one takes.
    /// - Returns: those that are admitted in its place.
    package mutating func leave(took: UInt64?, concurrency: Int) -> [Ticket] {
        active = max(0, active - 1)
        if let took { service += (Double(took) - service) * (service == 0 ? 1 : 0.1) }
        var admitted: [Ticket] = []
        while active < concurrency, let ticket = next() {
            active += 1
            admitted.append(ticket)
        }
        return admitted
    }

    private mutating func next() -> Ticket? {
        guard !turns.isEmpty else { return nil }
        let caller = turns.removeFirst()
        guard var queue = queues.removeValue(forKey: caller), !queue.isEmpty else { return next() }
        let ticket = queue.removeFirst()
        waiting -= 1
        if !queue.isEmpty {
            queues[caller] = queue
            turns.append(caller)
        }
        return ticket
    }

    /// It waits no longer. - Returns: false when it does not wait: it was admitted.
    package mutating func withdraw(of caller: UInt64, where isIt: (Ticket) -> Bool) -> Bool {
        guard var queue = queues[caller], let index = queue.firstIndex(where: isIt) else { return false }
        queue.remove(at: index)
        waiting -= 1
        queues[caller] = queue.isEmpty ? nil : queue
        if queue.isEmpty { turns.removeAll { $0 == caller } }
        return true
    }
}
