/// A handle to a slab's slot: its index, and the generation that tells a reused slot from the one that was meant. 0 is never issued.
///
/// Bits 24–31 are zero: epoll tokens carry a tag there.
package struct SlabHandle: Hashable, Sendable, BitwiseCopyable {
    package let rawValue: UInt64

    @inlinable package init(rawValue: UInt64) { self.rawValue = rawValue }
    @usableFromInline init(index: UInt32, generation: UInt32) { rawValue = UInt64(generation) << 32 | UInt64(index) }

    package static let maximumIndex = 1 << 24

    @inlinable var index: Int { Int(rawValue & 0xff_ffff) }
    @inlinable var generation: UInt32 { UInt32(truncatingIfNeeded: rawValue >> 32) }

    package static let none = SlabHandle(rawValue: 0)
}

/// Slots of one type at addresses that do not change: no reference counting, no exclusivity checks on the way to one.
///
/// `find` is inlinable: a worker looks up a dozen slots for each request.
/// Belongs to one thread. Grows by whole chunks up to `capacity`; what it allocated it keeps.
package struct Slab<Element>: ~Copyable {
    /// Slots in a chunk.
    @inlinable static var chunkSize: Int { 256 }

    @usableFromInline
    struct Slot {
        /// Odd while the slot is in use.
        @usableFromInline var generation: UInt32
        var nextFree: UInt32
    }

    @usableFromInline let chunks: UnsafeMutablePointer<UnsafeMutablePointer<Element>?>
    @usableFromInline let slots: UnsafeMutablePointer<UnsafeMutablePointer<Slot>?>
    @usableFromInline private(set) var allocated = 0
    private var firstFree = UInt32.max
    package let capacity: Int
    package private(set) var count = 0

    package init(capacity: Int) {
        let chunkCount = (capacity + Self.chunkSize - 1) / Self.chunkSize
        precondition(capacity <= SlabHandle.maximumIndex)
        self.capacity = capacity
        chunks = .allocate(capacity: chunkCount)
        chunks.initialize(repeating: nil, count: chunkCount)
        slots = .allocate(capacity: chunkCount)
        slots.initialize(repeating: nil, count: chunkCount)
    }

    deinit {
        for index in 0..<allocated {
            if slot(index).pointee.generation & 1 == 1 { element(index).deinitialize(count: 1) }
        }
        for chunk in 0..<(allocated + Self.chunkSize - 1) / Self.chunkSize {
            chunks[chunk]?.deallocate()
            slots[chunk]?.deallocate()
        }
        chunks.deallocate()
        slots.deallocate()
    }

    @inlinable func element(_ index: Int) -> UnsafeMutablePointer<Element> {
        chunks[index / Self.chunkSize].unsafelyUnwrapped + index % Self.chunkSize
    }

    @inlinable func slot(_ index: Int) -> UnsafeMutablePointer<Slot> {
        slots[index / Self.chunkSize].unsafelyUnwrapped + index % Self.chunkSize
    }

    /// - Returns: nil at `capacity`.
    package mutating func insert(_ value: consuming Element) -> (handle: SlabHandle, pointer: UnsafeMutablePointer<Element>)? {
        guard let handle = reserve() else { return nil }
        return (handle, fill(handle, value))
    }

    /// A slot for a value that must know its own handle; `fill` must follow before anything else. nil at `capacity`.
    package mutating func reserve() -> SlabHandle? {
        let index: Int
        if firstFree != .max {
            index = Int(firstFree)
            firstFree = slot(index).pointee.nextFree
        } else {
            guard allocated < capacity else { return nil }
            index = allocated
            if index % Self.chunkSize == 0 {
                chunks[index / Self.chunkSize] = .allocate(capacity: Self.chunkSize)
                let fresh = UnsafeMutablePointer<Slot>.allocate(capacity: Self.chunkSize)
                fresh.initialize(repeating: Slot(generation: 0, nextFree: .max), count: Self.chunkSize)
                slots[index / Self.chunkSize] = fresh
            }
            allocated += 1
        }
        slot(index).pointee.generation &+= 1
        count += 1
        return SlabHandle(index: UInt32(index), generation: slot(index).pointee.generation)
    }

    @discardableResult
    package mutating func fill(_ handle: SlabHandle, _ value: consuming Element) -> UnsafeMutablePointer<Element> {
        let pointer = element(handle.index)
        pointer.initialize(to: value)
        return pointer
    }

    /// nil when the slot was removed or reused since.
    @inlinable package func find(_ handle: SlabHandle) -> UnsafeMutablePointer<Element>? {
        let index = handle.index
        guard index < allocated, handle.generation & 1 == 1, slot(index).pointee.generation == handle.generation else { return nil }
        return element(index)
    }

    /// Does nothing for a handle that is no longer valid.
    package mutating func remove(_ handle: SlabHandle) {
        guard let pointer = find(handle) else { return }
        pointer.deinitialize(count: 1)
        slot(handle.index).pointee.generation &+= 1
        slot(handle.index).pointee.nextFree = firstFree
        firstFree = UInt32(handle.index)
        count -= 1
    }

    /// Positions that were ever in use: where a walk in portions ends.
    package var extent: Int { allocated }

    /// Calls `body` for every slot in use.
    package func forEach(_ body: (SlabHandle, UnsafeMutablePointer<Element>) -> Void) { forEach(in: 0..<allocated, body) }

    /// Calls `body` for every slot in use at these positions, which must lie below `extent`.
    package func forEach(in positions: Range<Int>, _ body: (SlabHandle, UnsafeMutablePointer<Element>) -> Void) {
        for index in positions where slot(index).pointee.generation & 1 == 1 {
            body(SlabHandle(index: UInt32(index), generation: slot(index).pointee.generation), element(index))
        }
    }
}
