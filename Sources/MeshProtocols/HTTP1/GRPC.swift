/// What the mesh reads and writes of gRPC over HTTP/2 (the protocol's document PROTOCOL-HTTP2.md).
package enum GRPC {
    /// `grpc-status` among the lines of a head or of trailers; nil without one.
    package static func status(in lines: UnsafeRawBufferPointer) -> UInt8? {
        let span = Span<UInt8>(_unsafeBytes: lines)
        let name: StaticString = "grpc-status:"
        var start = 0
        while start + name.utf8CodeUnitCount <= span.count {
            if span.matches(name, at: ByteRange(start, start + name.utf8CodeUnitCount)) {
                var index = start + name.utf8CodeUnitCount
                while index < span.count, span[index] == ByteClass.space { index += 1 }
                var end = index
                while end < span.count, ByteClass.isDigit(span[end]) { end += 1 }
                return FieldParser.number(span, ByteRange(index, end)).flatMap { UInt8(exactly: $0) }
            }
            while start < span.count, span[start] != ByteClass.lineFeed { start += 1 }
            start += 1
        }
        return nil
    }

    /// What counts as 5xx does elsewhere: UNKNOWN, INTERNAL, UNAVAILABLE and DATA_LOSS, and an answer without a status, which is none.
    /// DEADLINE_EXCEEDED is the caller's own clock as often as not.
    package static func isFailure(_ status: UInt8) -> Bool {
        switch status {
        case 2, 13, 14, 15, .max: true
        default: false
        }
    }

    /// Digits of a timeout's number.
    static let timeoutDigits = 8
    private static let contentType: StaticString = "application/grpc"

    /// `application/grpc`, alone or with a suffix (`+proto`) or parameters. `application/grpc-web` is another protocol.
    static func isContentType(_ value: ByteRange, in bytes: Span<UInt8>) -> Bool {
        let length = contentType.utf8CodeUnitCount
        let start = value.indices.lowerBound
        guard value.count >= length, bytes.matches(contentType, at: ByteRange(start, start + length)) else { return false }
        guard value.count > length else { return true }
        switch bytes[start + length] {
        case UInt8(ascii: "+"), UInt8(ascii: ";"), ByteClass.space, ByteClass.tab: return true
        default: return false
        }
    }

    /// Nanoseconds of `1*8DIGIT` and a unit; as many as fit for more. nil for anything else.
    static func timeout(_ value: ByteRange, in bytes: Span<UInt8>) -> UInt64? {
        guard value.count >= 2, value.count <= timeoutDigits + 1 else { return nil }
        let last = value.indices.upperBound - 1
        guard let unit = nanoseconds(ofUnit: bytes[last]),
            let number = FieldParser.number(bytes, ByteRange(value.indices.lowerBound, last))
        else { return nil }
        let (product, overflows) = number.multipliedReportingOverflow(by: unit)
        return overflows ? .max : product
    }

    private static func nanoseconds(ofUnit unit: UInt8) -> UInt64? {
        switch unit {
        case UInt8(ascii: "H"): 3_600_000_000_000
        case UInt8(ascii: "M"): 60_000_000_000
        case UInt8(ascii: "S"): 1_000_000_000
        case UInt8(ascii: "m"): 1_000_000
        case UInt8(ascii: "u"): 1000
        case UInt8(ascii: "n"): 1
        default: nil
        }
    }
}

extension HeadWriter {
    /// `grpc-timeout` in the finest unit, from milliseconds on, that eight digits hold; microseconds below one millisecond.
    package mutating func append(grpcTimeout nanoseconds: UInt64) {
        let limit: UInt64 = 100_000_000
        let milliseconds = nanoseconds / 1_000_000
        append("grpc-timeout: ")
        switch milliseconds {
        case 0: append(decimal: nanoseconds / 1000, unit: "u")
        case ..<limit: append(decimal: milliseconds, unit: "m")
        case ..<(limit * 1000): append(decimal: milliseconds / 1000, unit: "S")
        default: append(decimal: min(limit - 1, milliseconds / 3_600_000), unit: "H")
        }
    }

    private mutating func append(decimal number: UInt64, unit: StaticString) {
        append(decimal: number)
        append(unit)
        append("\r\n")
    }

    /// As `grpc-message` has it: bytes outside of printable ASCII, and `%`, as `%` and two hexadecimal digits.
    package mutating func append(grpcMessage text: String) {
        for byte in text.utf8 {
            if byte >= 0x20, byte <= 0x7e, byte != UInt8(ascii: "%") {
                append(byte: byte)
            } else {
                append("%")
                append(upperHexadecimal: byte >> 4)
                append(upperHexadecimal: byte & 15)
            }
        }
    }

    private mutating func append(upperHexadecimal digit: UInt8) { append(byte: digit < 10 ? 48 + digit : 55 + digit) }
}
