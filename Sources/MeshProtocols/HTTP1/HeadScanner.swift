/// Finds where a head ends, over as many reads as it takes; looks at each byte once.
///
/// RFC 9112 §2.2 lets a recipient take a bare LF for a line's end; two programs that differ in it see different messages, so we never do.
package struct HeadScanner: BitwiseCopyable, Sendable {
    private var scanned = 0
    /// Where the present line starts.
    private var lineStart = 0
    private var lines = 0
    private let bounds: HeadBounds

    package enum Outcome: Equatable {
        case incomplete
        /// The head's length with its empty line.
        case complete(Int)
        case refused(HTTPRefusal)
    }

    package init(_ bounds: HeadBounds = .workload) { self.bounds = bounds }

    /// Nothing of a head has come yet.
    package var isFresh: Bool { scanned == 0 }

    /// - Parameter bytes: all that came since the message's start; longer by the new ones at every call.
    package mutating func scan(_ bytes: UnsafeRawBufferPointer) -> Outcome {
        let span = Span<UInt8>(_unsafeBytes: bytes)
        if scanned == 0, span.count > 0, !ByteClass.isToken(span[0]) {
            // Half of an empty line, which may stand before a request and is passed over by who reads one (RFC 9112 §2.2).
            return span.count == 1 && span[0] == ByteClass.carriageReturn ? .incomplete : .refused(.badStartLine)
        }
        var index = scanned
        let end = min(span.count, bounds.bytes)
        while index < end {
            guard span[index] == ByteClass.lineFeed else {
                index += 1
                continue
            }
            guard index > lineStart, span[index - 1] == ByteClass.carriageReturn else { return .refused(.bareLineFeed) }
            if lines == 0, index - lineStart > bounds.startLine { return .refused(.startLineTooLong) }
            index += 1
            if index - lineStart == 2 { return lines == 0 ? .refused(.badStartLine) : .complete(index) }
            lines += 1
            lineStart = index
        }
        scanned = index
        if lines == 0, index > bounds.startLine { return .refused(.startLineTooLong) }
        return index >= bounds.bytes ? .refused(.headTooLarge) : .incomplete
    }
}
