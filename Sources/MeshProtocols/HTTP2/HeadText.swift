/// Memory for one head after another: grows with the largest, and gives back what is seldom needed.
struct HeadText: ~Copyable {
    private var storage: UnsafeMutableRawPointer?
    private var capacity = 0
    private(set) var count = 0

    private static let minimumCapacity = 1 << 10
    /// What a connection keeps between heads.
    private static let keptCapacity = 8 << 10

    deinit { storage?.deallocate() }

    subscript(range: Range<Int>) -> UnsafeRawBufferPointer {
        precondition(range.lowerBound >= 0 && range.upperBound <= count)
        return UnsafeRawBufferPointer(start: storage.map { UnsafeRawPointer($0) + range.lowerBound }, count: range.count)
    }

    mutating func removeAll() { count = 0 }

    /// Frees what an unusually large head needed.
    mutating func trim() {
        guard capacity > Self.keptCapacity else { return }
        storage?.deallocate()
        storage = nil
        capacity = 0
        count = 0
    }

    mutating func append(_ bytes: UnsafeRawBufferPointer) {
        guard let source = bytes.baseAddress, bytes.count > 0 else { return }
        reserve(bytes.count)
        (storage.unsafelyUnwrapped + count).copyMemory(from: source, byteCount: bytes.count)
        count += bytes.count
    }

    mutating func append(_ text: StaticString) {
        append(UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    /// Appends bytes that are here already.
    mutating func append(copyOf range: Range<Int>) {
        reserve(range.count)
        append(self[range])
    }

    /// Puts the bytes of `range` before those that stand at `index`, which lies before it.
    mutating func move(_ range: Range<Int>, to index: Int) {
        precondition(index <= range.lowerBound && range.upperBound <= count)
        let end = count
        append(copyOf: range)
        let base = storage.unsafelyUnwrapped
        (base + index + range.count).copyMemory(from: base + index, byteCount: range.lowerBound - index)
        (base + index).copyMemory(from: base + end, byteCount: range.count)
        count = end
    }

    private mutating func reserve(_ more: Int) {
        guard capacity - count < more else { return }
        var wanted = max(capacity, Self.minimumCapacity)
        while wanted - count < more { wanted *= 2 }
        let larger = UnsafeMutableRawPointer.allocate(byteCount: wanted, alignment: 16)
        if let storage {
            larger.copyMemory(from: storage, byteCount: count)
            storage.deallocate()
        }
        storage = larger
        capacity = wanted
    }
}
