/// Classes of bytes in HTTP messages. Bit sets instead of tables: a global table would cost a check on every use.
package enum ByteClass {
    static let carriageReturn = UInt8(ascii: "\r")
    static let lineFeed = UInt8(ascii: "\n")
    static let space = UInt8(ascii: " ")
    static let tab = UInt8(ascii: "\t")
    static let colon = UInt8(ascii: ":")

    /// Of a token (RFC 9110 §5.6.2).
    @inline(__always)
    package static func isToken(_ byte: UInt8) -> Bool {
        // Bits of "!#$%&'*+-." and digits; "A"–"Z^_`a–z|~".
        let low: UInt64 = 0x03ff_6cfa_0000_0000
        let high: UInt64 = 0x57ff_ffff_c7ff_fffe
        guard byte < 128 else { return false }
        return (byte < 64 ? low >> UInt64(byte) : high >> UInt64(byte - 64)) & 1 == 1
    }

    /// Of a field's value: visible, space, tab, or beyond ASCII (RFC 9110 §5.5).
    @inline(__always)
    package static func isFieldValue(_ byte: UInt8) -> Bool { byte >= 32 && byte != 127 || byte == tab }

    /// Of a request target: visible ASCII without what could start a fragment.
    @inline(__always)
    package static func isTarget(_ byte: UInt8) -> Bool { byte > 32 && byte < 127 && byte != UInt8(ascii: "#") }

    /// Of a registered name besides percent-encoded bytes: unreserved, or one of sub-delims (RFC 3986 §2.2, §2.3).
    static func isNamePart(_ byte: UInt8) -> Bool {
        if isAlphanumeric(byte) { return true }
        switch byte {
        case UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "~"), UInt8(ascii: "!"), UInt8(ascii: "$"),
            UInt8(ascii: "&"), UInt8(ascii: "'"), UInt8(ascii: "("), UInt8(ascii: ")"), UInt8(ascii: "*"), UInt8(ascii: "+"),
            UInt8(ascii: ","), UInt8(ascii: ";"), UInt8(ascii: "="):
            return true
        default: return false
        }
    }

    @inline(__always)
    static func isDigit(_ byte: UInt8) -> Bool { byte &- 48 < 10 }

    @inline(__always)
    static func isAlphanumeric(_ byte: UInt8) -> Bool { isDigit(byte) || lowered(byte) &- 97 < 26 }

    /// ASCII letters in lower case; other bytes may change, so only letters and hyphens may be compared with it.
    @inline(__always)
    package static func lowered(_ byte: UInt8) -> UInt8 { byte &- 65 < 26 ? byte | 32 : byte }

    static func hexadecimal(_ byte: UInt8) -> UInt64? {
        switch byte {
        case 48...57: UInt64(byte - 48)
        case 65...70: UInt64(byte - 55)
        case 97...102: UInt64(byte - 87)
        default: nil
        }
    }
}

/// Part of a head: an offset and a length in the bytes that were parsed.
package struct ByteRange: BitwiseCopyable, Sendable, Equatable {
    package var start: UInt32
    package var count: UInt32

    package static let empty = ByteRange(0, 0)

    init(_ start: Int, _ end: Int) {
        self.start = UInt32(truncatingIfNeeded: start)
        count = UInt32(truncatingIfNeeded: end - start)
    }

    package var isEmpty: Bool { count == 0 }
    package var indices: Range<Int> { Int(start)..<Int(start) + Int(count) }

    /// The number that the bytes spell, in digits and nothing else; nil if they do not, or for more than 18 digits.
    package func decimal(in bytes: UnsafeRawBufferPointer) -> UInt64? { FieldParser.number(Span<UInt8>(_unsafeBytes: bytes), self) }

    package func slice(of bytes: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: bytes[indices])
    }
}

extension Span<UInt8> {
    /// Equal but for the case of letters. `name` is lower case.
    @inline(__always)
    func matches(_ name: StaticString, at range: ByteRange) -> Bool {
        guard Int(range.count) == name.utf8CodeUnitCount else { return false }
        let start = Int(range.start)
        for index in 0..<Int(range.count) where ByteClass.lowered(self[start + index]) != name.utf8Start[index] { return false }
        return true
    }
}

extension UnsafeRawBufferPointer {
    func equals(_ text: StaticString) -> Bool {
        count == text.utf8CodeUnitCount && elementsEqual(UnsafeBufferPointer(start: text.utf8Start, count: count))
    }

    /// Equal but for the case of letters.
    func equalsIgnoringCase(_ other: UnsafeRawBufferPointer) -> Bool {
        count == other.count && elementsEqual(other) { ByteClass.lowered($0) == ByteClass.lowered($1) }
    }

    func equalsIgnoringCase(_ text: StaticString) -> Bool {
        equalsIgnoringCase(UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }
}
