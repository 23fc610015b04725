/// One node's part of a rate that many nodes share (R5.4): it spends only tokens that were leased to it, asks for a few ahead of need, and
/// keeps requests waiting while a lease is under way. A pure value; times are monotonic nanoseconds.
///
/// What a node holds unspent is what the others lack: at most `Shape.ahead` tokens, each for at most `lapse`.
package struct LeasedRate<Ticket: Sendable>: Sendable {
    package enum Arrival: Equatable, Sendable {
        case admitted
        /// Nanoseconds until one more may be there.
        case refused(wait: UInt64)
        /// It is told when the lease that is under way, or about to be, was answered.
        case waits
    }

    /// Tokens that came at one moment.
    private struct Lease {
        var tokens = 0
        var lapses: UInt64 = 0
    }

    private var older = Lease()
    private var newer = Lease()
    private var waiting: [Ticket] = []
    /// An order is under way.
    package private(set) var isOrdered = false
    /// Used up until then: nobody is asked before.
    private var closedUntil: UInt64 = 0
    private var use = RecentUse()
    /// Tokens that were leased and not spent in time.
    package private(set) var lapsed = 0

    /// Nanoseconds that a leased token is good for.
    package static var lapse: UInt64 { 1_000_000_000 }
    /// Requests that wait for one limit; beyond, they are refused.
    package static var maximumWaiting: Int { 4096 }

    package init() {}

    /// Tokens in hand that no request has spent.
    package func unspent(now: UInt64) -> Int { (older.lapses > now ? older.tokens : 0) + (newer.lapses > now ? newer.tokens : 0) }

    package mutating func arrive(_ ticket: Ticket, now: UInt64) -> Arrival {
        if spend(now: now) { return .admitted }
        if now < closedUntil { return .refused(wait: closedUntil - now) }
        guard waiting.count < Self.maximumWaiting else { return .refused(wait: Self.lapse) }
        waiting.append(ticket)
        return .waits
    }

    /// Takes a token in hand, the oldest first. - Returns: false when there is none.
    package mutating func spend(now: UInt64) -> Bool {
        expire(now: now)
        if older.tokens > 0 { older.tokens -= 1 } else if newer.tokens > 0 { newer.tokens -= 1 } else { return false }
        use.add(1, now: now)
        return true
    }

    /// Is it time to ask for more: somebody waits, or less than half of the reserve is left.
    package func needsOrder(_ shape: LeaseShape, now: UInt64) -> Bool {
        guard !isOrdered, now >= closedUntil else { return false }
        return !waiting.isEmpty || 2 * unspent(now: now) < reserve(shape, now: now)
    }

    /// What to ask for: as many as wait, and the reserve. It is under way from now on.
    ///
    /// - Returns: nil when nothing is needed (any more).
    package mutating func order(_ shape: LeaseShape, now: UInt64) -> Int? {
        guard needsOrder(shape, now: now) else { return nil }
        isOrdered = true
        return max(1, waiting.count + reserve(shape, now: now) - unspent(now: now))
    }

    /// What the last moments used, within the bound.
    private func reserve(_ shape: LeaseShape, now: UInt64) -> Int { min(use.recent(now: now), shape.ahead) }

    /// The order was answered.
    ///
    /// - Parameters:
    ///   - tokens: that were leased; fewer than were ordered when the limit is used up.
    ///   - wait: nanoseconds until it has one more; 0 while it has.
    /// - Returns: who is admitted, and who is refused, of those that wait. Who came after the order was sent is refused with the others: the
    ///   answer would be the same.
    package mutating func settle(
        tokens: Int, wait: UInt64, _ shape: LeaseShape, now: UInt64
    ) -> (admitted: [Ticket], refused: [Ticket]) {
        isOrdered = false
        let admitted = Array(waiting.prefix(max(0, tokens)))
        waiting.removeFirst(admitted.count)
        use.add(admitted.count, now: now)
        add(max(0, tokens) - admitted.count, now: now)
        guard wait > 0 else { return (admitted, []) }
        closedUntil = now + max(wait, shape.rest)
        defer { waiting = [] }
        return (admitted, waiting)
    }

    /// The order got no answer. - Returns: all that wait.
    package mutating func fail() -> [Ticket] {
        isOrdered = false
        closedUntil = 0
        defer { waiting = [] }
        return waiting
    }

    /// Nothing is lost when it is forgotten.
    package func isFresh(now: UInt64) -> Bool {
        !isOrdered && waiting.isEmpty && unspent(now: now) == 0 && now >= closedUntil
    }

    private mutating func add(_ tokens: Int, now: UInt64) {
        guard tokens > 0 else { return }
        expire(now: now)
        // Beyond two, the newer of those in hand lapse with the older: no token lives too long.
        if older.tokens > 0 { older.tokens += newer.tokens } else { older = newer }
        newer = Lease(tokens: tokens, lapses: now + Self.lapse)
    }

    private mutating func expire(now: UInt64) {
        if older.lapses <= now {
            lapsed += older.tokens
            older.tokens = 0
        }
        if newer.lapses <= now {
            lapsed += newer.tokens
            newer.tokens = 0
        }
    }
}

/// How far a node leases tokens of a limit ahead of need.
package struct LeaseShape: Hashable, Sendable {
    /// Tokens that a node may hold though no request waits for them: a part of the burst, none of a small one.
    package let ahead: Int
    /// Nanoseconds that pass between two questions for a limit that is used up: no longer than it takes for what the next one brings.
    package let rest: UInt64

    /// Of a limit's burst, the part that one node may hold unspent.
    package static let share = 32
    private static let longestRest: UInt64 = 10_000_000

    /// - Parameters:
    ///   - requests: in each `period` of nanoseconds.
    ///   - burst: how many may come at once, at least 1.
    package init(requests: Int, per period: UInt64, burst: Int) {
        ahead = burst / Self.share
        let (filling, overflow) = (period / UInt64(max(1, requests))).multipliedReportingOverflow(by: UInt64(ahead))
        rest = overflow ? Self.longestRest : min(Self.longestRest, filling)
    }
}

/// How many in the last 100–200 ms.
private struct RecentUse: Sendable {
    private var current = 0
    private var previous = 0
    private var since: UInt64 = 0
    private static let window: UInt64 = 100_000_000

    mutating func add(_ count: Int, now: UInt64) {
        if now.elapsed(since: since) >= Self.window {
            previous = now.elapsed(since: since) < 2 * Self.window ? current : 0
            current = 0
            since = now
        }
        current += count
    }

    func recent(now: UInt64) -> Int {
        let age = now.elapsed(since: since)
        return age < Self.window ? max(current, previous) : age < 2 * Self.window ? current : 0
    }
}
