/// What names a request in logs (`x-request-id`): a caller's own, or a UUID. Plain bytes, like the record that it is part of.
package struct RequestIdentifier: Sendable, BitwiseCopyable {
    /// Bytes that are kept; what is longer is cut.
    package static let capacity = 48

    private var length: UInt8 = 0
    private var bytes = InlineArray<48, UInt8>(repeating: 0)

    package init() {}

    package init(_ text: UnsafeRawBufferPointer) {
        let count = min(text.count, Self.capacity)
        for index in 0..<count { bytes[index] = text[index] }
        length = UInt8(count)
    }

    /// A UUID of version 4 (RFC 9562 §5.4) out of sixteen random bytes.
    package init(randomHigh: UInt64, randomLow: UInt64) {
        let high = randomHigh & ~0xf000 | 0x4000
        let low = randomLow & ~(3 << 62) | 2 << 62
        length = 36
        var place = 0
        for half in 0..<2 {
            let bits = half == 0 ? high : low
            var digits = 16
            while digits > 0 {
                digits -= 1
                bytes[place] = Self.hexadecimal(bits >> UInt64(4 * digits) & 15)
                place += 1
                guard place == 8 || place == 13 || place == 18 || place == 23 else { continue }
                bytes[place] = UInt8(ascii: "-")
                place += 1
            }
        }
    }

    package var isEmpty: Bool { length == 0 }
    package var count: Int { Int(length) }
    /// - Precondition: below `count`.
    package subscript(index: Int) -> UInt8 { bytes[index] }

    package var text: String { String(decoding: (0..<count).map { bytes[$0] }, as: UTF8.self) }

    /// Copies the text to `target`, which must have room for `count` bytes.
    package func copy(to target: UnsafeMutableRawPointer) {
        for index in 0..<count { target.storeBytes(of: bytes[index], toByteOffset: index, as: UInt8.self) }
    }

    private static func hexadecimal(_ digit: UInt64) -> UInt8 { UInt8(truncatingIfNeeded: digit &+ (digit < 10 ? 48 : 87)) }
}
