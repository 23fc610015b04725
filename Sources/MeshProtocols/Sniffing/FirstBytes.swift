/// What the first bytes that a client sends tell of its protocol.
package enum FirstBytes: Sendable, BitwiseCopyable {
    /// A request line of HTTP/1 (RFC 9112 §3).
    case http1
    /// The client's preface of HTTP/2 (RFC 9113 §3.4).
    case http2
    /// Anything else: TLS, a database, a protocol that nobody knows.
    case other
    /// More must come.
    case undecided

    package static let preface: StaticString = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

    /// Of a protocol that was declared to be HTTP: only its version is asked.
    package static func version(_ bytes: UnsafeRawBufferPointer) -> FirstBytes {
        let wanted = UnsafeRawBufferPointer(start: preface.utf8Start, count: preface.utf8CodeUnitCount)
        guard bytes.prefix(wanted.count).elementsEqual(wanted.prefix(bytes.count)) else { return .http1 }
        return bytes.count < wanted.count ? .undecided : .http2
    }

    /// A method alone proves nothing (`GET key` is Redis): the line must end in the version of HTTP/1.
    package static func guess(_ bytes: UnsafeRawBufferPointer) -> FirstBytes {
        let version = version(bytes)
        guard version == .http1 else { return version }
        let span = Span<UInt8>(_unsafeBytes: bytes)
        var index = 0
        while index < span.count, ByteClass.isToken(span[index]) { index += 1 }
        if index == span.count { return index <= longestMethod ? .undecided : .other }
        guard index > 0, index <= longestMethod, span[index] == ByteClass.space else { return .other }
        while index < span.count, span[index] != ByteClass.lineFeed {
            // Whatever it is, it is not the text of a request line.
            guard span[index] >= ByteClass.space || span[index] == ByteClass.carriageReturn else { return .other }
            index += 1
        }
        if index == span.count { return index <= HTTPLimits.startLine ? .undecided : .other }
        let end = index > 0 && span[index - 1] == ByteClass.carriageReturn ? index - 1 : index
        let line = UnsafeRawBufferPointer(rebasing: bytes[..<end])
        return line.count > marker.utf8CodeUnitCount && line.dropLast().hasSuffix(marker) ? .http1 : .other
    }

    private static let longestMethod = 32
    /// With one digit behind it.
    private static let marker: StaticString = " HTTP/1."
}

extension Slice<UnsafeRawBufferPointer> {
    fileprivate func hasSuffix(_ text: StaticString) -> Bool {
        suffix(text.utf8CodeUnitCount).elementsEqual(UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }
}
