internal import Synchronization

/// An owner of connections, as a worker remembers it.
package struct ShareHolder: BitwiseCopyable {
    private let slot: UnsafeMutablePointer<ShareSlot>
    private let isWorkload: Bool

    init(slot: UnsafeMutablePointer<ShareSlot>, owner: ConnectionShares.Owner) {
        self.slot = slot
        isWorkload =
            switch owner {
            case .workload: true
            case .caller: false
            }
    }

    private var guaranteed: Int {
        let pool = slot.pointee.pool
        return isWorkload ? pool.pointee.perWorkload.load(ordering: .relaxed) : pool.pointee.perCaller.load(ordering: .relaxed)
    }

    /// One connection more; nil when the owner has its share.
    package func take() -> ShareCharge? {
        if slot.pointee.own.add(1, ordering: .relaxed).newValue <= guaranteed { return ShareCharge(slot: slot, isCommon: false) }
        slot.pointee.own.subtract(1, ordering: .relaxed)
        let pool = slot.pointee.pool
        let mine = slot.pointee.common.add(1, ordering: .relaxed).newValue
        let used = pool.pointee.used.add(1, ordering: .relaxed).newValue
        if mine <= SharePool.greed * (pool.pointee.limit - used) { return ShareCharge(slot: slot, isCommon: true) }
        slot.pointee.common.subtract(1, ordering: .relaxed)
        pool.pointee.used.subtract(1, ordering: .relaxed)
        slot.pointee.refused.add(1, ordering: .relaxed)
        if !isWorkload { pool.pointee.callersRefused.add(1, ordering: .relaxed) }
        return nil
    }

    package var usage: ConnectionShares.Usage {
        let pool = slot.pointee.pool
        let common = slot.pointee.common.load(ordering: .relaxed)
        let leftByOthers = pool.pointee.limit - (pool.pointee.used.load(ordering: .relaxed) - common)
        return ConnectionShares.Usage(
            connections: slot.pointee.count, share: guaranteed + max(common, leftByOthers * SharePool.greed / (SharePool.greed + 1)),
            refused: slot.pointee.refused.load(ordering: .relaxed))
    }
}

/// One connection's part of its owner's share. It goes with the socket, and back with it.
package struct ShareCharge: BitwiseCopyable {
    private var slot: UnsafeMutablePointer<ShareSlot>?
    /// Of what is common to all: the owner has more connections than it is guaranteed.
    package let isCommon: Bool

    fileprivate init(slot: UnsafeMutablePointer<ShareSlot>?, isCommon: Bool) {
        self.slot = slot
        self.isCommon = isCommon
    }

    package static var none: ShareCharge { ShareCharge(slot: nil, isCommon: false) }

    /// Only the first call counts.
    package mutating func giveBack() {
        guard let slot else { return }
        self.slot = nil
        guard isCommon else {
            slot.pointee.own.subtract(1, ordering: .relaxed)
            return
        }
        slot.pointee.common.subtract(1, ordering: .relaxed)
        slot.pointee.pool.pointee.used.subtract(1, ordering: .relaxed)
    }
}
