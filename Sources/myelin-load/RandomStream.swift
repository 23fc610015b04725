import Crypto

/// Pseudo-random bytes that are a function of their seed (SplitMix64), for both ends to know.
struct RandomStream {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    /// - Precondition: the length is a multiple of eight, so that the stream does not depend on how it is cut.
    mutating func fill(_ buffer: UnsafeMutableRawBufferPointer) {
        precondition(buffer.count % 8 == 0)
        for offset in stride(from: 0, to: buffer.count, by: 8) {
            state &+= 0x9e37_79b9_7f4a_7c15
            var word = state
            word = (word ^ (word >> 30)) &* 0xbf58_476d_1ce4_e5b9
            word = (word ^ (word >> 27)) &* 0x94d0_49bb_1331_11eb
            buffer.storeBytes(of: (word ^ (word >> 31)).littleEndian, toByteOffset: offset, as: UInt64.self)
        }
    }

    private static let chunkBytes = 256 * 1024

    /// Hands the first `count` bytes of a seed's stream to `body`, in pieces, and returns their SHA-256 in hexadecimal.
    static func produce(
        seed: UInt64, count: Int, _ body: (UnsafeRawBufferPointer) throws(LoadFailure) -> Void
    ) throws(LoadFailure) -> String {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: chunkBytes, alignment: 64)
        defer { buffer.deallocate() }
        var stream = RandomStream(seed: seed)
        var hash = SHA256()
        var left = count
        while left > 0 {
            stream.fill(buffer)
            let piece = UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(buffer)[..<min(left, chunkBytes)])
            hash.update(bufferPointer: piece)
            try body(piece)
            left -= piece.count
        }
        return hexadecimal(hash.finalize())
    }

    static func hexadecimal(_ digest: SHA256.Digest) -> String {
        let digits = Array("0123456789abcdef".utf8)
        return String(decoding: digest.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }
}
