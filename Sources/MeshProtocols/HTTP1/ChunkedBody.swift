/// Finds the end of a chunked body (RFC 9112 §7.1), and refuses what is not exactly one.
///
/// What goes on can be read in one way only: chunk extensions (§7.1.1, which a recipient ignores), zeros before a size, and trailers that would
/// mean something else in a head are left out. Everything else passes as it came.
package struct ChunkedBody: BitwiseCopyable, Sendable {
    private enum State: UInt8, BitwiseCopyable {
        case size, fieldExtension, sizeLineFeed, data, dataReturn, dataLineFeed
        case trailerStart, trailerName, trailerValue, trailerLineFeed, endLineFeed, ended
    }

    /// What becomes of a byte.
    private enum Effect: BitwiseCopyable {
        case passes
        case isLeftOut
        /// A zero that may stand in front of a size, or be one.
        case holdsZero
        /// It passes, and a zero before it does not.
        case replacesZero
        /// The zero before it is the size; whether this byte goes on as well.
        case releasesZero(andPasses: Bool)
        /// Of a trailer's name, which must be whole before anything can be said of it.
        case isHeld
        /// The name is whole and goes on, and the byte with it.
        case releasesName
        case isRefused(HTTPRefusal)
    }

    private var state = State.size
    private var remaining: UInt64 = 0
    /// Digits of the size, or bytes of the trailers, so far.
    private var count: UInt32 = 0
    private var fieldExtension = ChunkExtension()
    private var name = TrailerName()
    private var leavesTrailerOut = false

    private static let zero: StaticString = "0"

    package init() {}

    package var hasEnded: Bool { state == .ended }

    /// - Parameter pass: gets the bytes that go on, in order, in as few pieces as they lie in.
    /// - Returns: how many of the bytes belong to the body, or why it is refused.
    package mutating func take(_ bytes: UnsafeRawBufferPointer, _ pass: (UnsafeRawBufferPointer) -> Void) -> Result<Int, HTTPRefusal> {
        var run = Run(bytes)
        var index = 0
        while index < bytes.count, state != .ended {
            if state == .data {
                let taken = Int(min(remaining, UInt64(bytes.count - index)))
                run.begin(index)
                index += taken
                remaining -= UInt64(taken)
                if remaining == 0 { state = .dataReturn }
                continue
            }
            switch isTrailer ? trailer(bytes[index]) : chunkLine(bytes[index]) {
            case .passes: run.begin(index)
            case .isLeftOut: run.end(index, pass)
            case .holdsZero:
                if run.heldFrom != nil { run.end(index, pass) }
                run.hold(index)
            case .replacesZero:
                run.end(index, pass)
                run.begin(index)
            case .releasesZero(let passes):
                if run.heldFrom == nil { pass(UnsafeRawBufferPointer(start: Self.zero.utf8Start, count: 1)) }
                run.release(index)
                if !passes { run.end(index, pass) }
            case .isHeld: if name.count == 1 { run.hold(index) }
            case .releasesName:
                if run.heldFrom == nil { name.withBytes { pass($0) } }
                run.release(index)
            case .isRefused(let refusal): return .failure(refusal)
            }
            index += 1
        }
        run.end(index, pass)
        return .success(index)
    }

    private var isTrailer: Bool {
        switch state {
        case .trailerStart, .trailerName, .trailerValue, .trailerLineFeed, .endLineFeed: true
        default: false
        }
    }

    /// A byte outside of data and trailers.
    private mutating func chunkLine(_ byte: UInt8) -> Effect {
        switch state {
        case .size: return size(byte)
        case .fieldExtension:
            switch fieldExtension.take(byte) {
            case .refused: return .isRefused(.badChunk)
            case .goesOn: return .isLeftOut
            case .ended:
                state = .sizeLineFeed
                return .passes
            }
        case .sizeLineFeed:
            guard byte == ByteClass.lineFeed else { return .isRefused(.badChunk) }
            state = remaining == 0 ? .trailerStart : .data
            count = 0
            return .passes
        case .dataReturn:
            state = .dataLineFeed
            return byte == ByteClass.carriageReturn ? .passes : .isRefused(.badChunk)
        case .dataLineFeed:
            state = .size
            return byte == ByteClass.lineFeed ? .passes : .isRefused(.badChunk)
        default: return .isRefused(.badChunk)
        }
    }

    private mutating func size(_ byte: UInt8) -> Effect {
        if let digit = ByteClass.hexadecimal(byte) {
            let followsZero = count > 0 && remaining == 0
            count += 1
            guard count <= HTTPLimits.chunkDigits, remaining < 1 << 56 else { return .isRefused(.badChunk) }
            remaining = remaining << 4 | digit
            return remaining == 0 ? .holdsZero : followsZero ? .replacesZero : .passes
        }
        guard count > 0 else { return .isRefused(.badChunk) }
        let isLast = remaining == 0
        if byte == ByteClass.carriageReturn {
            state = .sizeLineFeed
            return isLast ? .releasesZero(andPasses: true) : .passes
        }
        fieldExtension = ChunkExtension()
        state = .fieldExtension
        guard fieldExtension.take(byte) == .goesOn else { return .isRefused(.badChunk) }
        return isLast ? .releasesZero(andPasses: false) : .isLeftOut
    }

    private mutating func trailer(_ byte: UInt8) -> Effect {
        count += 1
        guard count <= HTTPLimits.trailers else { return .isRefused(.badTrailer) }
        switch state {
        case .trailerStart:
            if byte == ByteClass.carriageReturn {
                state = .endLineFeed
                return .passes
            }
            name = TrailerName()
            state = .trailerName
            return nameByte(byte)
        case .trailerName:
            guard byte == ByteClass.colon else { return nameByte(byte) }
            state = .trailerValue
            leavesTrailerOut = name.isLeftOut
            return leavesTrailerOut ? .isLeftOut : .releasesName
        case .trailerValue:
            if byte == ByteClass.carriageReturn {
                state = .trailerLineFeed
            } else if !ByteClass.isFieldValue(byte) {
                return .isRefused(.badTrailer)
            }
            return leavesTrailerOut ? .isLeftOut : .passes
        case .trailerLineFeed:
            state = .trailerStart
            guard byte == ByteClass.lineFeed else { return .isRefused(.badTrailer) }
            return leavesTrailerOut ? .isLeftOut : .passes
        case .endLineFeed:
            state = .ended
            return byte == ByteClass.lineFeed ? .passes : .isRefused(.badTrailer)
        default: return .isRefused(.badTrailer)
        }
    }

    private mutating func nameByte(_ byte: UInt8) -> Effect {
        guard ByteClass.isToken(byte) else { return .isRefused(.badTrailer) }
        name.append(byte)
        return .isHeld
    }
}

/// The bytes that go on and lie beside each other, while a read is gone through.
private struct Run {
    private let bytes: UnsafeRawBufferPointer
    /// Where they begin; nil while bytes are left out.
    private var start: Int?
    /// Where a name or a zero lies of which nothing can be said yet; nil also when it came in an earlier read.
    private(set) var heldFrom: Int?

    init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    mutating func begin(_ index: Int) { if start == nil { start = index } }

    mutating func hold(_ index: Int) { heldFrom = index }

    mutating func release(_ index: Int) {
        if let heldFrom { begin(heldFrom) } else { begin(index) }
        heldFrom = nil
    }

    mutating func end(_ index: Int, _ pass: (UnsafeRawBufferPointer) -> Void) {
        let end = heldFrom ?? index
        if let start, start < end { pass(UnsafeRawBufferPointer(rebasing: bytes[start..<end])) }
        start = nil
        heldFrom = nil
    }
}

/// Counts a body down to its end, whatever delimits it.
package struct BodyProgress: BitwiseCopyable, Sendable {
    private var length: BodyLength
    private var remaining: UInt64 = 0
    private var chunks = ChunkedBody()

    package init(_ length: BodyLength) {
        self.length = length
        if case .exactly(let count) = length { remaining = count }
    }

    /// Nothing more belongs to the message.
    package var hasEnded: Bool {
        switch length {
        case .none: true
        case .exactly: remaining == 0
        case .chunked: chunks.hasEnded
        case .untilClose: false
        }
    }

    /// The connection's end is the body's end.
    package var endsWithConnection: Bool { length == .untilClose }

    /// - Parameter pass: gets the bytes that go on, in order (`ChunkedBody`).
    /// - Returns: how many of the bytes belong to the body.
    package mutating func take(
        _ bytes: UnsafeRawBufferPointer, _ pass: (UnsafeRawBufferPointer) -> Void = { _ in }
    ) -> Result<Int, HTTPRefusal> {
        switch length {
        case .none: return .success(0)
        case .exactly:
            let count = Int(min(remaining, UInt64(bytes.count)))
            remaining -= UInt64(count)
            if count > 0 { pass(UnsafeRawBufferPointer(rebasing: bytes[..<count])) }
            return .success(count)
        case .chunked: return chunks.take(bytes, pass)
        case .untilClose:
            pass(bytes)
            return .success(bytes.count)
        }
    }
}
