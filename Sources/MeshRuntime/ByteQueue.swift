internal import Glibc

/// Bytes that a socket would not take yet. Owns memory only while it holds some.
package struct ByteQueue: BitwiseCopyable {
    private var storage: UnsafeMutableRawPointer?
    private var capacity = 0
    private var head = 0
    private var tail = 0

    private static let minimumCapacity = 4096

    package init() {}

    package var count: Int { tail - head }
    package var isEmpty: Bool { head == tail }

    package var readable: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: storage.map { UnsafeRawPointer($0) + head }, count: count)
    }

    package mutating func append(_ bytes: UnsafeRawBufferPointer) {
        guard let source = bytes.baseAddress, bytes.count > 0 else { return }
        if capacity - tail < bytes.count { makeRoom(for: bytes.count) }
        (storage.unsafelyUnwrapped + tail).copyMemory(from: source, byteCount: bytes.count)
        tail += bytes.count
    }

    private mutating func makeRoom(for more: Int) {
        let used = count
        var wanted = max(capacity, Self.minimumCapacity)
        while wanted - used < more { wanted *= 2 }
        if wanted == capacity {
            memmove(storage.unsafelyUnwrapped, storage.unsafelyUnwrapped + head, used)
        } else {
            let larger = UnsafeMutableRawPointer.allocate(byteCount: wanted, alignment: 16)
            if let storage {
                larger.copyMemory(from: storage + head, byteCount: used)
                storage.deallocate()
            }
            storage = larger
            capacity = wanted
        }
        head = 0
        tail = used
    }

    package mutating func consume(_ n: Int) {
        head += n
        if head == tail { free() }
    }

    /// Gives the memory back. Must be called before the queue is forgotten.
    package mutating func free() {
        storage?.deallocate()
        self = ByteQueue()
    }
}
