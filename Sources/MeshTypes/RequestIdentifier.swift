/// What names a request in logs (`x-request-id`): a caller's own, or a UUID. Plain bytes, like the record that it is part of.
package struct RequestIdentifier: Sendable, BitwiseCopyable {
    /// Bytes that are kept; what is longer is cut.
    package static let capacity = 48

    private var length: UInt8 = 0
    private var bytes = InlineArray<48, UInt8>(repeating: 0)

    package init() {}

    package init(_ text: UnsafeRawBufferPointer) {
        for byte in text.prefix(Self.capacity) { append(byte) }
    }

    /// A UUID of version 4 (RFC 9562 §5.4) out of sixteen random bytes.
    package init(randomHigh: UInt64, randomLow: UInt64) {
        let high = randomHigh & ~0xf000 | 0x4000
        let low = randomLow & ~(3 << 62) | 2 << 62
        for shift in stride(from: 60, through: 0, by: -4) {
            if shift == 28 || shift == 12 { append(UInt8(ascii: "-")) }
            append(hexadecimal: high >> UInt64(shift) & 15)
        }
        for shift in stride(from: 60, through: 0, by: -4) {
            if shift == 60 || shift == 44 { append(UInt8(ascii: "-")) }
            append(hexadecimal: low >> UInt64(shift) & 15)
        }
    }

    package var isEmpty: Bool { length == 0 }
    package var count: Int { Int(length) }
    /// - Precondition: below `count`.
    package subscript(index: Int) -> UInt8 { bytes[index] }

    package var text: String { String(decoding: (0..<count).map { bytes[$0] }, as: UTF8.self) }

    private mutating func append(_ byte: UInt8) {
        bytes[Int(length)] = byte
        length += 1
    }

    private mutating func append(hexadecimal digit: UInt64) {
        append(digit < 10 ? 48 + UInt8(truncatingIfNeeded: digit) : 87 + UInt8(truncatingIfNeeded: digit))
    }
}
