internal import CNGHTTP2
package import MeshTypes

/// What may go on of a connection whose requests are looked at.
package enum RequestPassage: Equatable {
    /// So many bytes at the front.
    case open(Int)
    case refused(DenialReason)
}

/// Reads the client's side of an HTTP/2 connection that passes by, and lets a request's bytes go on when it may be made. Nothing is rewritten.
///
/// It must see every request that the server sees: what it cannot follow, or what two programs could read in two ways, is refused.
package final class RequestWatch {
    private let inflater: OpaquePointer
    private var head = CanonicalHead(maximumSize: RequestWatch.maximumHead)
    private var hasPreface = false
    /// Bytes of the present frame that still go on unread.
    private var passing = 0
    /// The highest stream that a request opened: what comes on it and below can only be trailers (RFC 9113 §5.1.1).
    private var lastStream: UInt32 = 0

    /// Bytes of the frames that one header block comes in; so many are held back at most.
    package static let maximumBlock = 64 << 10
    /// Decoded fields of one block, as RFC 9113 §6.5.2 counts them.
    package static let maximumHead: UInt32 = 64 << 10
    /// CONTINUATION frames behind one HEADERS frame.
    package static let maximumContinuations = 8
    /// The server's SETTINGS_HEADER_TABLE_SIZE is not seen here: the client may use up to this much if the server lets it.
    package static let maximumTable = 64 << 10

    package init() {
        var made: OpaquePointer?
        precondition(nghttp2_hd_inflate_new(&made) == 0, "out of memory")
        inflater = made.unsafelyUnwrapped
        nghttp2_hd_inflate_change_table_size(inflater, Self.maximumTable)
    }

    deinit { nghttp2_hd_inflate_del(inflater) }

    /// - Parameters:
    ///   - bytes: all that came and did not go on yet.
    ///   - verdict: of a request, by its `:path` and its head in the form of HTTP/1.1; `.none` permits it.
    package func advance(
        _ bytes: UnsafeRawBufferPointer, _ verdict: (UnsafeRawBufferPointer, UnsafeRawBufferPointer) -> DenialReason
    ) -> RequestPassage {
        var passed = 0
        if !hasPreface {
            switch FirstBytes.version(bytes) {
            case .undecided: return .open(0)
            case .http2: passed = FirstBytes.preface.utf8CodeUnitCount
            case .http1, .other: return .refused(.badRequest)
            }
            hasPreface = true
        }
        while true {
            let through = min(passing, bytes.count - passed)
            passing -= through
            passed += through
            let rest = UnsafeRawBufferPointer(rebasing: bytes[passed...])
            guard let frame = FrameHeader(rest) else { return .open(passed) }
            switch frame.type {
            case FrameHeader.headers:
                switch HeaderBlock.find(in: rest) {
                case .incomplete: return .open(passed)
                case .malformed: return .refused(.badRequest)
                case .whole(let block):
                    let reason = judge(block, of: rest, verdict)
                    guard reason == .none else { return .refused(reason) }
                    passed += block.count
                }
            // Only a server may promise, and a CONTINUATION stands behind HEADERS.
            case FrameHeader.pushPromise, FrameHeader.continuation: return .refused(.badRequest)
            default:
                passing = frame.length
                passed += FrameHeader.size
            }
        }
    }

    private func judge(
        _ block: HeaderBlock, of bytes: UnsafeRawBufferPointer,
        _ verdict: (UnsafeRawBufferPointer, UnsafeRawBufferPointer) -> DenialReason
    ) -> DenialReason {
        let isNew = block.stream > lastStream
        head.begin(isNew ? .request : .trailers)
        defer { head.trim() }
        guard block.forEachFragment(of: bytes, { inflate($0, isLast: $1) }) else { return .badRequest }
        switch head.finish() {
        case .request:
            lastStream = block.stream
            return verdict(head.target, head.bytes)
        case .trailers: return block.endsStream ? .none : .badRequest
        // Nothing of a tunnel could be told apart.
        case .connect: return .notAllowed
        case .response, .tooLarge, .malformed: return .badRequest
        }
    }

    /// Feeds a part of a header block to the table and the head. - Returns: whether it could be decoded.
    private func inflate(_ fragment: UnsafeRawBufferPointer, isLast: Bool) -> Bool {
        var rest = fragment
        while true {
            var field = nghttp2_nv()
            var flags: Int32 = 0
            let taken = nghttp2_hd_inflate_hd2(
                inflater, &field, &flags, rest.assumingMemoryBound(to: UInt8.self).baseAddress, rest.count, isLast ? 1 : 0)
            guard taken >= 0 else { return false }
            rest = UnsafeRawBufferPointer(rebasing: rest[taken...])
            let came = UInt32(bitPattern: flags)
            if came & NGHTTP2_HD_INFLATE_EMIT.rawValue != 0 {
                head.add(
                    UnsafeRawBufferPointer(start: field.name, count: field.namelen),
                    UnsafeRawBufferPointer(start: field.value, count: field.valuelen))
                if head.isTooLarge { return false }
            }
            if came & NGHTTP2_HD_INFLATE_FINAL.rawValue != 0 {
                nghttp2_hd_inflate_end_headers(inflater)
                return rest.isEmpty
            }
            if came & NGHTTP2_HD_INFLATE_EMIT.rawValue == 0, rest.isEmpty { return !isLast }
        }
    }
}
