/// At most so many at one moment; the others wait in a bounded queue, each caller's in order, the callers in turn (R5.4). What a caller has
/// standing in it is cut down to what is needed to keep its share of the service busy (as FQ-CoDel does with packets, RFC 8290). A pure value;
/// times are monotonic nanoseconds.
package struct AdmissionQueue<Ticket: Sendable & Equatable>: Sendable {
    package enum Arrival: Equatable, Sendable {
        case admitted
        case queued
        /// It waits in the place of the last one of the caller that has the most waiting, which is refused.
        case queuedInsteadOf(Ticket)
        /// The queue is full, or so long that the request's time would be over first; nanoseconds until that may be different.
        case refused(wait: UInt64)
        /// What its caller has waiting stands, and it would have to wait longer than the target; nanoseconds until that may be different.
        case shed(wait: UInt64)
    }

    private struct Entry: Sendable {
        let ticket: Ticket
        let since: UInt64
    }

    /// What one caller has waiting. Kept while it is empty only as long as it counts as standing.
    private struct Line: Sendable {
        var entries: [Entry] = []
        var delay: ControlledDelay
    }

    package private(set) var active = 0
    package private(set) var waiting = 0
    private var lines: [UInt64: Line] = [:]
    /// Callers that have something waiting, the next one first.
    private var turns: [UInt64] = []
    /// Nanoseconds that one takes, smoothed.
    private var service = 0.0

    package init() {}

    /// - Parameters:
    ///   - caller: whose turn it counts as.
    ///   - timeLeft: nanoseconds until its deadline.
    package mutating func arrive(
        _ ticket: Ticket, of caller: UInt64, _ bounds: QueueBounds, timeLeft: UInt64, now: UInt64
    ) -> Arrival {
        if active < bounds.concurrency, waiting == 0 {
            active += 1
            return .admitted
        }
        let own = lines[caller]?.entries.count ?? 0
        let expected = expected(wait(of: caller, own + 1), bounds)
        guard expected <= min(timeLeft, bounds.wait) else { return .refused(wait: max(expected, 1)) }
        if expected > target(bounds), lines[caller]?.delay.isStanding(interval: bounds.interval, now: now) == true {
            lines[caller]?.delay.shed(now: now)
            return .shed(wait: expected)
        }
        var displaced: Ticket?
        if waiting >= bounds.limit {
            guard let longest, longest.count > own + 1 else { return .refused(wait: max(expected, 1)) }
            displaced = remove(at: longest.count - 1, of: longest.caller)
        }
        if own == 0 { turns.append(caller) }
        lines[caller, default: Line(delay: ControlledDelay(now: now))].entries.append(Entry(ticket: ticket, since: now))
        waiting += 1
        return displaced.map { .queuedInsteadOf($0) } ?? .queued
    }

    /// One that was admitted has ended.
    ///
    /// - Parameter took: nanoseconds; nil if it says nothing of how long one takes.
    /// - Returns: those that are admitted in its place, and those that are refused because what their callers have waiting stands.
    package mutating func leave(
        took: UInt64?, _ bounds: QueueBounds, now: UInt64
    ) -> (admitted: [Ticket], shed: [Ticket]) {
        active = max(0, active - 1)
        if let took { service += (Double(took) - service) * (service == 0 ? 1 : 0.1) }
        var shed: [Ticket] = []
        for caller in Array(lines.keys) { shed += shedOld(of: caller, bounds, now: now) }
        var admitted: [Ticket] = []
        while active < bounds.concurrency, let ticket = next(bounds, now: now) {
            active += 1
            admitted.append(ticket)
        }
        return (admitted, shed)
    }

    /// It waits no longer. - Returns: false when it does not wait: it was admitted.
    package mutating func withdraw(of caller: UInt64, where isIt: (Ticket) -> Bool) -> Bool {
        guard let index = lines[caller]?.entries.firstIndex(where: { isIt($0.ticket) }) else { return false }
        remove(at: index, of: caller)
        return true
    }

    // MARK: Turns

    private mutating func next(_ bounds: QueueBounds, now: UInt64) -> Ticket? {
        guard let caller = turns.first, let entry = lines[caller]?.entries.first else { return nil }
        let target = target(bounds)
        lines[caller]?.delay.note(waited: now.elapsed(since: entry.since), target: target, interval: bounds.interval, now: now)
        // The next turn is another's, if somebody else waits.
        turns.append(turns.removeFirst())
        remove(at: 0, of: caller)
        return entry.ticket
    }

    @discardableResult
    private mutating func remove(at index: Int, of caller: UInt64) -> Ticket? {
        let removed = lines[caller]?.entries.remove(at: index)
        waiting -= 1
        if lines[caller]?.entries.isEmpty == true {
            turns.removeAll { $0 == caller }
            if lines[caller]?.delay.hasShed == false { lines[caller] = nil }
        }
        return removed?.ticket
    }

    /// How many have their turn until the last of so many of the caller has had it.
    private func wait(of caller: UInt64, _ count: Int) -> Int {
        lines.reduce(count) { $0 + ($1.key == caller ? 0 : min($1.value.entries.count, count)) }
    }

    /// The caller with the most waiting.
    private var longest: (caller: UInt64, count: Int)? {
        turns.map { ($0, lines[$0]?.entries.count ?? 0) }.max { $0.1 < $1.1 }
    }

    // MARK: Standing lines

    /// Nanoseconds until so many have had their turn.
    private func expected(_ count: Int, _ bounds: QueueBounds) -> UInt64 {
        UInt64(service * Double(count) / Double(max(1, bounds.concurrency)))
    }

    /// No less than the time in which each caller has one turn: who waits so long does not wait because of a queue (RFC 8289 §4.2).
    private func target(_ bounds: QueueBounds) -> UInt64 { max(bounds.target, expected(max(1, turns.count), bounds)) }

    /// Cuts what a caller has standing down to the target: of those that have waited longer, the oldest first, as those are the least likely to
    /// be still of use.
    private mutating func shedOld(of caller: UInt64, _ bounds: QueueBounds, now: UInt64) -> [Ticket] {
        guard lines[caller]?.delay.isStanding(interval: bounds.interval, now: now) == true else {
            if lines[caller]?.entries.isEmpty == true { lines[caller] = nil }
            return []
        }
        let target = target(bounds)
        var shed: [Ticket] = []
        while let line = lines[caller], let first = line.entries.first, now.elapsed(since: first.since) > target,
            expected(wait(of: caller, line.entries.count), bounds) > target, let ticket = remove(at: 0, of: caller)
        {
            shed.append(ticket)
        }
        if !shed.isEmpty { lines[caller]?.delay.shed(now: now) }
        return shed
    }
}

/// The bounds of a service's queue.
package struct QueueBounds: Hashable, Sendable {
    package let concurrency: Int
    /// Requests that wait at one moment.
    package let limit: Int
    /// Nanoseconds that one waits at most.
    package let wait: UInt64

    package init(concurrency: Int, limit: Int, wait: UInt64) {
        self.concurrency = concurrency
        self.limit = limit
        self.wait = wait
    }

    /// Of the longest wait, the part that is good for absorbing bursts: RFC 8289 §4.3 has 5–10 % of the interval.
    private static let targetShare: UInt64 = 10

    package var target: UInt64 { wait / Self.targetShare }
    package var interval: UInt64 { wait }
}
