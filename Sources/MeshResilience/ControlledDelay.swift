/// Whether a queue stands: whether all that it let go for as long as an interval had waited for longer than a target. A burst is over before; a
/// queue that stays long does not smooth anything, it only makes all wait (after CoDel, RFC 8289).
///
/// Unlike CoDel, which drops a little more often each time because TCP's senders slow down by themselves, what stands is cut down at once:
/// callers of services go on asking. A pure value; times are monotonic nanoseconds.
struct ControlledDelay: Sendable {
    /// When one had last waited for less than the target, or nothing had waited.
    private var goodAt: UInt64
    /// When something was last shed, or was to be; nil while the queue does not stand.
    private var shedAt: UInt64?

    init(now: UInt64) { goodAt = now }

    /// One was let go after it had waited so long.
    mutating func note(waited: UInt64, target: UInt64, interval: UInt64, now: UInt64) {
        if waited < target { goodAt = now }
        if shedAt == nil, now.elapsed(since: goodAt) >= interval { shedAt = now }
    }

    mutating func shed(now: UInt64) { shedAt = now }

    /// It stands, or did when it was last asked.
    var hasShed: Bool { shedAt != nil }

    /// It stands until nothing had to be shed for an interval.
    mutating func isStanding(interval: UInt64, now: UInt64) -> Bool {
        guard let last = shedAt else { return false }
        if now.elapsed(since: last) < interval { return true }
        shedAt = nil
        goodAt = now
        return false
    }
}
