/// Where to cut an input into pieces: the same for the same bytes, so that a failure can be replayed.
struct Cuts: Sequence, IteratorProtocol {
    private var state: UInt64
    private var start = 0
    private let count: Int
    private let longest: Int

    /// - Parameter longest: bytes of a piece at most; 1 cuts everywhere.
    init(_ bytes: UnsafeRawBufferPointer, longest: Int) {
        count = bytes.count
        self.longest = longest
        state = bytes.prefix(64).reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
    }

    /// The next piece, one byte at least.
    mutating func next() -> Range<Int>? {
        guard start < count else { return nil }
        // A step of Knuth's generator; its high bits are the random ones.
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        let length = Swift.min(count - start, 1 + Int(state >> 33) % longest)
        defer { start += length }
        return start..<start + length
    }
}

extension UnsafeRawBufferPointer {
    func slice(_ range: Range<Int>) -> UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: self[range]) }
}
