/// Bytes on their way to a socket: sessions append, the worker sends and consumes. Shared by all sessions of one worker.
///
/// Not `Sendable`: it belongs to one thread.
package final class CiphertextBuffer {
    /// It starts with room for this many bytes, and returns to it after a burst.
    package static let initialCapacity = 128 << 10
    /// A larger store is given back as soon as it is empty.
    package static let retainedCapacity = 1 << 20
    /// Appending beyond this fails the session that does it: a worker sends long before.
    package static let maximumCount = 64 << 20

    private var storage: UnsafeMutableRawBufferPointer
    private var head = 0
    private var tail = 0

    package init() { storage = .allocate(byteCount: Self.initialCapacity, alignment: 64) }

    deinit { storage.deallocate() }

    package var count: Int { tail - head }
    package var isEmpty: Bool { head == tail }

    /// What was appended and not consumed; valid until the next call.
    package var readable: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: storage[head..<tail]) }

    /// Drops the first `n` readable bytes.
    package func consume(_ n: Int) {
        precondition((0...count).contains(n))
        head += n
        if head == tail { removeAll() }
    }

    package func removeAll() {
        head = 0
        tail = 0
        guard storage.count > Self.retainedCapacity else { return }
        storage.deallocate()
        storage = .allocate(byteCount: Self.initialCapacity, alignment: 64)
    }

    /// - Returns: false, and nothing is appended, at `maximumCount`.
    @discardableResult
    package func append(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard let source = bytes.baseAddress, !bytes.isEmpty else { return true }
        if storage.count - tail < bytes.count {
            guard makeRoom(for: bytes.count) else { return false }
        }
        (storage.baseAddress! + tail).copyMemory(from: source, byteCount: bytes.count)
        tail += bytes.count
        return true
    }

    private func makeRoom(for more: Int) -> Bool {
        let used = count
        guard more <= Self.maximumCount - used else { return false }
        var capacity = storage.count
        while capacity - used < more { capacity *= 2 }
        if capacity == storage.count {
            storage.baseAddress!.copyMemory(from: storage.baseAddress! + head, byteCount: used)
        } else {
            let larger = UnsafeMutableRawBufferPointer.allocate(byteCount: capacity, alignment: 64)
            larger.baseAddress!.copyMemory(from: storage.baseAddress! + head, byteCount: used)
            storage.deallocate()
            storage = larger
        }
        head = 0
        tail = used
        return true
    }
}
