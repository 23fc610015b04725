/// Tells that nothing has moved for a while, by a count of bytes that is looked at now and then: where bytes move nothing needs to be noted.
///
/// Never early; late by at most a quarter of the limit.
package struct IdleWatch: BitwiseCopyable, Sendable {
    /// Nanoseconds without a byte; 0 for as long as you like.
    package let limit: UInt64
    private var count: UInt64
    private var since: UInt64
    private var looked: UInt64

    private static let looks: UInt64 = 4

    package static let off = IdleWatch(limit: 0, count: 0, now: 0)

    /// - Parameters:
    ///   - count: of bytes so far; any number that changes when something moves.
    ///   - now: a monotonic clock's nanoseconds.
    package init(limit: UInt64, count: UInt64, now: UInt64) {
        self.limit = limit
        self.count = count
        since = now
        looked = now
    }

    /// When to look again; `.max` without a limit.
    package var due: UInt64 { limit == 0 ? .max : min(looked + max(1, limit / Self.looks), since + limit) }

    /// - Returns: true when nothing has moved for the limit.
    package mutating func look(_ count: UInt64, now: UInt64) -> Bool {
        guard limit > 0 else { return false }
        looked = now
        if count != self.count {
            self.count = count
            since = now
        }
        return now &- since >= limit
    }
}
