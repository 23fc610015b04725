package import MeshTypes
internal import Synchronization

/// Who holds how many of the connections that this daemon can have at once, over all its workers.
///
/// An eighth is guaranteed to the workloads of this node and an eighth to the services that call endpoints here, in equal parts; the rest is for
/// whoever comes first, but nobody takes more of it than eight times what is left for the others. So one that opens whatever it can is refused at its
/// share, and the others go on. Taking and giving back cost a few atomic additions, and no lock.
package final class ConnectionShares: @unchecked Sendable {
    package enum Owner: Hashable, Sendable {
        /// For its captured connections.
        case workload(WorkloadID)
        /// For connections to endpoints of this node, from wherever the service calls.
        case caller(ServiceID)
    }

    /// What an owner holds now.
    package struct Usage: Sendable, Equatable {
        package let connections: Int
        /// As many as it could hold now.
        package let share: Int
        /// Connections that were refused since the owner is known.
        package let refused: UInt64

        package init(connections: Int, share: Int, refused: UInt64) {
            self.connections = connections
            self.share = share
            self.refused = refused
        }
    }

    /// The fewest that anybody is promised, however many there are.
    package static let smallestGuarantee = 8
    /// Owners that are told apart; beyond, those without a connection make room.
    private static let maximumOwners = 8192

    /// Of a dictionary whose values are changed by many threads, and whose keys under the lock alone.
    private struct Book {
        var slots: [Owner: UnsafeMutablePointer<ShareSlot>] = [:]
        var free: [UnsafeMutablePointer<ShareSlot>] = []
    }

    private let total: Int
    private let pool: UnsafeMutablePointer<SharePool>
    /// Of those that are too many to be told apart.
    private let others: UnsafeMutablePointer<ShareSlot>
    nonisolated(unsafe) private var book = Book()
    private let lock = Mutex(())

    /// - Parameter total: connections of all together.
    package init(total: Int) {
        self.total = total
        pool = .allocate(capacity: 1)
        pool.initialize(to: SharePool(limit: total - total / 8 * 2))
        others = Self.makeSlot(pool)
        divide(workloads: 1, callers: 1)
    }

    deinit {
        for slot in book.slots.values + book.free + [others] {
            slot.deinitialize(count: 1)
            slot.deallocate()
        }
        pool.deinitialize(count: 1)
        pool.deallocate()
    }

    private static func makeSlot(_ pool: UnsafeMutablePointer<SharePool>) -> UnsafeMutablePointer<ShareSlot> {
        let slot = UnsafeMutablePointer<ShareSlot>.allocate(capacity: 1)
        slot.initialize(to: ShareSlot(pool))
        return slot
    }

    /// So many owners of each kind share what is guaranteed from now on. What is held stays.
    package func divide(workloads: Int? = nil, callers: Int? = nil) {
        if let workloads { pool.pointee.perWorkload.store(guarantee(workloads), ordering: .relaxed) }
        if let callers { pool.pointee.perCaller.store(guarantee(callers), ordering: .relaxed) }
    }

    private func guarantee(_ owners: Int) -> Int { max(Self.smallestGuarantee, total / 8 / max(1, owners)) }

    /// Takes a lock: a worker remembers what it gets until its next snapshot.
    package func holder(_ owner: Owner) -> ShareHolder {
        let slot = lock.withLock { _ in
            if let known = book.slots[owner] { return known }
            if book.slots.count >= Self.maximumOwners { forgetIdle() }
            guard book.slots.count < Self.maximumOwners else { return others }
            let slot = book.free.popLast() ?? Self.makeSlot(pool)
            book.slots[owner] = slot
            return slot
        }
        return ShareHolder(slot: slot, owner: owner)
    }

    private func forgetIdle() {
        for (owner, slot) in book.slots where slot.pointee.count == 0 {
            slot.pointee.refused.store(0, ordering: .relaxed)
            book.slots[owner] = nil
            book.free.append(slot)
        }
    }

    /// nil for one that never had a connection.
    package func usage(of owner: Owner) -> Usage? {
        lock.withLock { _ in book.slots[owner].map { ShareHolder(slot: $0, owner: owner).usage } }
    }

    /// Connections to endpoints of this node that were refused, of all calling services.
    package var callersRefused: UInt64 { pool.pointee.callersRefused.load(ordering: .relaxed) }
}

/// What all owners have in common.
struct SharePool: ~Copyable {
    /// Connections beyond what is guaranteed, and how many there may be.
    let used = Atomic<Int>(0)
    let limit: Int
    let perWorkload = Atomic<Int>(0)
    let perCaller = Atomic<Int>(0)
    let callersRefused = Atomic<UInt64>(0)

    /// What one owner may have beyond its guarantee, in terms of what it leaves to the others.
    static let greed = 8

    init(limit: Int) { self.limit = limit }
}

/// What one owner holds.
struct ShareSlot: ~Copyable {
    /// Of what is guaranteed to it, and of what is common to all.
    let own = Atomic<Int>(0)
    let common = Atomic<Int>(0)
    let refused = Atomic<UInt64>(0)
    let pool: UnsafeMutablePointer<SharePool>

    init(_ pool: UnsafeMutablePointer<SharePool>) { self.pool = pool }

    var count: Int { own.load(ordering: .relaxed) + common.load(ordering: .relaxed) }
}
