/// What a line or a hostile peer does to bytes, by seeded chance.
enum Damage {
    /// A few kinds of damage, chosen at random.
    static func strike(_ bytes: inout [UInt8], _ random: inout SeededGenerator) {
        for _ in 0..<Int.random(in: 1...6, using: &random) where !bytes.isEmpty {
            let at = Int.random(in: bytes.indices, using: &random)
            let length = min(Int.random(in: 1...32, using: &random), bytes.count - at)
            switch Int.random(in: 0..<6, using: &random) {
            case 0: bytes[at] = UInt8.random(in: 0...255, using: &random)
            case 1: bytes[at] ^= 1 << UInt8.random(in: 0..<8, using: &random)
            case 2: bytes.removeSubrange(at..<at + length)
            case 3: bytes.insert(contentsOf: bytes[at..<at + length], at: Int.random(in: bytes.indices, using: &random))
            case 4: bytes.insert(contentsOf: (0..<length).map { _ in UInt8.random(in: 0...255, using: &random) }, at: at)
            default: bytes.removeSubrange(at...)
            }
        }
    }

    /// Gives the bytes in pieces of random size, until `take` wants no more.
    static func cut(_ bytes: [UInt8], _ random: inout SeededGenerator, _ take: ([UInt8]) -> Bool) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let piece = rest.prefix(Int.random(in: 1...2_000, using: &random))
            rest = rest.dropFirst(piece.count)
            if !take(Array(piece)) { return }
        }
    }
}
