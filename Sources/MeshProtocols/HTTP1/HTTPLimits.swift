/// The bounds of HTTP/1.1 messages. What is over one is refused, never cut.
package enum HTTPLimits {
    /// Bytes of a head: start line and fields (431).
    package static let head = 64 << 10
    /// Bytes of a start line (414).
    package static let startLine = 8 << 10
    /// Fields of a head (431).
    package static let fields = 128
    /// What the mesh adds to a head at most: fields, sixteen of its own and those of a policy; bytes, among them the space behind each colon;
    /// bytes of the start line, when a policy says another path.
    package static let addedFields = 48
    package static let addedBytes = 24 << 10
    package static let addedStartLine = 1 << 10
    /// Bytes of a trailer section (400).
    package static let trailers = 16 << 10
    /// Bytes of the extensions of one chunk (400).
    package static let chunkExtension = 1 << 10
    /// Digits of a chunk's size, with the zeros in front (400); the number itself has at most fifteen.
    package static let chunkDigits = 256
    /// Empty lines before a request.
    package static let emptyLines = 8
    /// Milliseconds of a deadline (400): an hour, the longest timeout that a policy can give.
    package static let deadline: UInt64 = 3_600_000
    /// Digits of a Content-Length (400).
    package static let lengthDigits = 18
}

/// Who wrote a head decides how large it may be: what one node takes and adds to, the next must take as well.
package struct HeadBounds: BitwiseCopyable, Sendable {
    let bytes: Int
    let startLine: Int
    let fields: Int

    package static let workload = HeadBounds(bytes: HTTPLimits.head, startLine: HTTPLimits.startLine, fields: HTTPLimits.fields)
    /// Written anew by the mesh.
    package static let mesh = HeadBounds(
        bytes: HTTPLimits.head + HTTPLimits.addedBytes, startLine: HTTPLimits.startLine + HTTPLimits.addedStartLine,
        fields: HTTPLimits.fields + HTTPLimits.addedFields)
}
