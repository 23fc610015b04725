/// Deadlines that all lie the same time ahead when they are set: first in, first due, O(1) each.
///
/// Entries are not cancelled: the owner checks, when one is due, whether it still matters (the handle's generation and state tell).
package struct DeadlineQueue: ~Copyable {
    private struct Entry {
        let due: UInt64
        let handle: SlabHandle
    }

    private var entries: UnsafeMutablePointer<Entry>
    private var capacity = 64
    private var head = 0
    private var count = 0
    /// Nanoseconds.
    package let delay: UInt64

    package init(delay: Duration) {
        let parts = delay.components
        self.delay = UInt64(parts.seconds) * 1_000_000_000 + UInt64(parts.attoseconds / 1_000_000_000)
        entries = .allocate(capacity: capacity)
    }

    deinit { entries.deallocate() }

    /// - Parameter now: a monotonic clock's nanoseconds, never less than before.
    package mutating func schedule(_ handle: SlabHandle, now: UInt64) {
        if count == capacity { grow() }
        entries[(head + count) & (capacity - 1)] = Entry(due: now + delay, handle: handle)
        count += 1
    }

    /// The next entry that is due, removed; nil if none is.
    package mutating func popDue(now: UInt64) -> SlabHandle? {
        guard count > 0, entries[head].due <= now else { return nil }
        let handle = entries[head].handle
        head = (head + 1) & (capacity - 1)
        count -= 1
        return handle
    }

    package var nextDue: UInt64? { count > 0 ? entries[head].due : nil }

    private mutating func grow() {
        let larger = UnsafeMutablePointer<Entry>.allocate(capacity: capacity * 2)
        for index in 0..<count { larger[index] = entries[(head + index) & (capacity - 1)] }
        entries.deallocate()
        entries = larger
        capacity *= 2
        head = 0
    }
}
