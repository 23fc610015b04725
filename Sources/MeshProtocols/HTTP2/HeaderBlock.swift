/// A frame's first nine bytes (RFC 9113 §4.1).
struct FrameHeader: BitwiseCopyable {
    let length: Int
    let type: UInt8
    let flags: UInt8
    let stream: UInt32

    static let size = 9
    static let headers: UInt8 = 1
    static let pushPromise: UInt8 = 5
    static let continuation: UInt8 = 9
    static let endStream: UInt8 = 1
    static let endHeaders: UInt8 = 4
    static let padded: UInt8 = 8
    static let priority: UInt8 = 32

    /// nil while it is not whole.
    init?(_ bytes: UnsafeRawBufferPointer) {
        guard bytes.count >= Self.size else { return nil }
        length = Int(bytes[0]) << 16 | Int(bytes[1]) << 8 | Int(bytes[2])
        type = bytes[3]
        flags = bytes[4]
        // The first bit is reserved and ignored.
        stream = UInt32(bigEndian: bytes.loadUnaligned(fromByteOffset: 5, as: UInt32.self)) & 0x7fff_ffff
    }

    func has(_ flag: UInt8) -> Bool { flags & flag != 0 }
}

/// A HEADERS frame of a client and the CONTINUATION frames behind it (RFC 9113 §6.2, §6.10).
struct HeaderBlock: BitwiseCopyable {
    let stream: UInt32
    let endsStream: Bool
    /// Bytes of all its frames.
    let count: Int

    enum Search {
        case incomplete
        case whole(HeaderBlock)
        case malformed
    }

    /// - Parameter bytes: from the HEADERS frame on, longer by the new ones at every call.
    static func find(in bytes: UnsafeRawBufferPointer) -> Search {
        guard let first = FrameHeader(bytes) else { return .incomplete }
        guard first.stream & 1 == 1, first.length <= RequestWatch.maximumBlock else { return .malformed }
        var frame = first
        var end = FrameHeader.size + first.length
        var continuations = 0
        while !frame.has(FrameHeader.endHeaders) {
            guard end <= bytes.count, let next = FrameHeader(UnsafeRawBufferPointer(rebasing: bytes[end...])) else { return .incomplete }
            continuations += 1
            guard next.type == FrameHeader.continuation, next.stream == first.stream, continuations <= RequestWatch.maximumContinuations
            else { return .malformed }
            frame = next
            end += FrameHeader.size + next.length
            guard end <= RequestWatch.maximumBlock else { return .malformed }
        }
        guard end <= bytes.count else { return .incomplete }
        let block = HeaderBlock(stream: first.stream, endsStream: first.has(FrameHeader.endStream), count: end)
        return fragment(first, of: bytes) == nil ? .malformed : .whole(block)
    }

    /// Calls `body` with each part of the block and whether it is the last. - Returns: false as soon as `body` does.
    func forEachFragment(of bytes: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer, Bool) -> Bool) -> Bool {
        var rest = UnsafeRawBufferPointer(rebasing: bytes[..<count])
        while let frame = FrameHeader(rest), let range = Self.fragment(frame, of: rest) {
            guard body(UnsafeRawBufferPointer(rebasing: rest[range]), frame.has(FrameHeader.endHeaders)) else { return false }
            rest = UnsafeRawBufferPointer(rebasing: rest[(FrameHeader.size + frame.length)...])
        }
        return true
    }

    /// Where the block's part of a whole frame lies: without padding and priority. nil if they are longer than the frame.
    private static func fragment(_ frame: FrameHeader, of bytes: UnsafeRawBufferPointer) -> Range<Int>? {
        var start = FrameHeader.size
        var end = FrameHeader.size + frame.length
        guard frame.type == FrameHeader.headers else { return start..<end }
        if frame.has(FrameHeader.padded) {
            guard start < end else { return nil }
            end -= Int(bytes[start])
            start += 1
        }
        if frame.has(FrameHeader.priority) { start += 5 }
        return start <= end ? start..<end : nil
    }
}
