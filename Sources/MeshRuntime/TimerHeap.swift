/// Moments at which something falls due, in any order: a binary heap. `DeadlineQueue` is cheaper where all lie equally far ahead.
///
/// Entries are not cancelled: the owner checks, when one is due, whether it still matters.
package struct TimerHeap: ~Copyable {
    private struct Entry {
        let due: UInt64
        let handle: SlabHandle
    }

    private var entries: [Entry] = []

    package init() {}

    package var count: Int { entries.count }
    package var nextDue: UInt64? { entries.first?.due }

    /// - Parameter due: a monotonic clock's nanoseconds.
    package mutating func schedule(_ handle: SlabHandle, at due: UInt64) {
        entries.append(Entry(due: due, handle: handle))
        var index = entries.count - 1
        while index > 0 {
            let parent = (index - 1) / 2
            guard entries[index].due < entries[parent].due else { return }
            entries.swapAt(index, parent)
            index = parent
        }
    }

    /// The earliest entry that is due, removed, and when it was due; nil if none is.
    package mutating func popDue(now: UInt64) -> (handle: SlabHandle, due: UInt64)? {
        guard let first = entries.first, first.due <= now else { return nil }
        let last = entries.removeLast()
        guard !entries.isEmpty else { return (first.handle, first.due) }
        entries[0] = last
        var index = 0
        while true {
            var smallest = index
            for child in 2 * index + 1...2 * index + 2 where child < entries.count && entries[child].due < entries[smallest].due {
                smallest = child
            }
            guard smallest != index else { return (first.handle, first.due) }
            entries.swapAt(index, smallest)
            index = smallest
        }
    }
}
