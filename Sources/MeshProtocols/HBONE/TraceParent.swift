/// W3C Trace Context `traceparent`, version 00: `00-<trace id>-<parent id>-<flags>` in lower-case hexadecimal.
package struct TraceParent: Hashable, Sendable, BitwiseCopyable {
    /// The trace's 16 bytes; never all zero.
    package let traceHigh: UInt64
    package let traceLow: UInt64
    /// The span that calls; never zero.
    package let span: UInt64
    /// Bit 0: sampled.
    package let flags: UInt8

    package static let length = 55

    /// - Returns: nil for the identifiers that the specification forbids (all zero).
    package init?(traceHigh: UInt64, traceLow: UInt64, span: UInt64, flags: UInt8) {
        guard traceHigh | traceLow != 0, span != 0 else { return nil }
        self.traceHigh = traceHigh
        self.traceLow = traceLow
        self.span = span
        self.flags = flags
    }

    /// Parses a header value. Later versions are read as far as version 00 goes, as the specification asks (§3.2.4).
    package init?(_ text: UnsafeRawBufferPointer) {
        let dash = UInt8(ascii: "-")
        guard text.count >= Self.length, text[2] == dash, text[35] == dash, text[52] == dash,
            let version = Hexadecimal.parse(text, 0..<2), version != 0xff,
            version == 0 ? text.count == Self.length : text.count == Self.length || text[55] == dash,
            let high = Hexadecimal.parse(text, 3..<19), let low = Hexadecimal.parse(text, 19..<35),
            let span = Hexadecimal.parse(text, 36..<52), let flags = Hexadecimal.parse(text, 53..<55)
        else { return nil }
        self.init(traceHigh: high, traceLow: low, span: span, flags: UInt8(flags))
    }

    /// The same trace, continued by another span.
    package func continued(by span: UInt64) -> TraceParent? {
        TraceParent(traceHigh: traceHigh, traceLow: traceLow, span: span, flags: flags)
    }

    func write(to line: inout HeaderLine) {
        line.append("00-")
        line.append(hexadecimal: traceHigh, digits: 16)
        line.append(hexadecimal: traceLow, digits: 16)
        line.append("-")
        line.append(hexadecimal: span, digits: 16)
        line.append("-")
        line.append(hexadecimal: UInt64(flags), digits: 2)
    }
}

enum Hexadecimal {
    /// Lower-case digits only. - Precondition: at most 16 of them.
    static func parse(_ text: UnsafeRawBufferPointer, _ range: Range<Int>) -> UInt64? {
        var value: UInt64 = 0
        for index in range {
            switch text[index] {
            case let digit where digit >= UInt8(ascii: "0") && digit <= UInt8(ascii: "9"):
                value = value << 4 | UInt64(digit - UInt8(ascii: "0"))
            case let digit where digit >= UInt8(ascii: "a") && digit <= UInt8(ascii: "f"):
                value = value << 4 | UInt64(digit - UInt8(ascii: "a") + 10)
            default: return nil
            }
        }
        return value
    }
}
