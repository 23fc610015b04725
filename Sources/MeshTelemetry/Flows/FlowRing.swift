package import MeshTypes
internal import Synchronization

/// Finished flows on their way from one worker to the log: one thread pushes, one takes, nobody waits.
///
/// Bounded: when the log is slow, new records are dropped and counted.
package final class FlowRing: @unchecked Sendable {
    private let slots: UnsafeMutablePointer<FlowRecord>
    private let capacity: Int
    private let head = Atomic<Int>(0)
    private let tail = Atomic<Int>(0)
    private let drops = Atomic<UInt64>(0)

    /// - Precondition: `capacity` is a power of two.
    package init(capacity: Int = 4096) {
        precondition(capacity > 0 && capacity & (capacity - 1) == 0)
        self.capacity = capacity
        slots = .allocate(capacity: capacity)
        slots.initialize(repeating: FlowRecord(), count: capacity)
    }

    deinit { slots.deallocate() }

    /// Producer's side.
    package func push(_ record: FlowRecord) {
        let position = tail.load(ordering: .relaxed)
        guard position &- head.load(ordering: .acquiring) < capacity else {
            drops.add(1, ordering: .relaxed)
            return
        }
        slots[position & (capacity - 1)] = record
        tail.store(position &+ 1, ordering: .releasing)
    }

    /// Consumer's side: all records there are, in order.
    package func drain(_ body: (FlowRecord) -> Void) {
        let end = tail.load(ordering: .acquiring)
        var position = head.load(ordering: .relaxed)
        while position != end {
            body(slots[position & (capacity - 1)])
            position &+= 1
            head.store(position, ordering: .releasing)
        }
    }

    /// Records that found the ring full.
    package var dropped: UInt64 { drops.load(ordering: .relaxed) }
}
