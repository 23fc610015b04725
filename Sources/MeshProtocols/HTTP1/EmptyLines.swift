/// Empty lines before a request line, which some programs send behind a body. RFC 9112 §2.2 has a server pass over at least one; beyond the bound
/// they are no start of a request.
package struct EmptyLines: BitwiseCopyable, Sendable {
    private var count = 0

    package init() {}

    /// - Parameter bytes: what came where a request may begin.
    /// - Returns: how many of them are passed over.
    package mutating func skip(_ bytes: UnsafeRawBufferPointer) -> Int {
        var start = 0
        while count < HTTPLimits.emptyLines, start + 1 < bytes.count, bytes[start] == ByteClass.carriageReturn,
            bytes[start + 1] == ByteClass.lineFeed
        {
            start += 2
            count += 1
        }
        return start
    }
}
