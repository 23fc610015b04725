/// Finds the end of a chunked body (RFC 9112 §7.1), and refuses what is not exactly one. The bytes themselves pass unchanged.
package struct ChunkedBody: BitwiseCopyable, Sendable {
    private enum State: UInt8, BitwiseCopyable {
        case size, fieldExtension, sizeLineFeed, data, dataReturn, dataLineFeed
        case trailerStart, trailerName, trailerValue, trailerLineFeed, endLineFeed, ended
    }

    private var state = State.size
    private var remaining: UInt64 = 0
    /// Digits of the size, bytes of the extension, or bytes of the trailers so far.
    private var count: UInt32 = 0
    private var isLast = false
    private var name = TrailerName()

    package init() {}

    package var hasEnded: Bool { state == .ended }

    /// - Returns: how many of the bytes belong to the body, or why it is refused.
    package mutating func take(_ bytes: UnsafeRawBufferPointer) -> Result<Int, HTTPRefusal> {
        let span = Span<UInt8>(_unsafeBytes: bytes)
        var index = 0
        while index < span.count, state != .ended {
            if state == .data {
                let taken = Int(min(remaining, UInt64(span.count - index)))
                index += taken
                remaining -= UInt64(taken)
                if remaining == 0 { state = .dataReturn }
                continue
            }
            if let refusal = isTrailer ? trailer(span[index]) : chunkLine(span[index]) { return .failure(refusal) }
            index += 1
        }
        return .success(index)
    }

    private var isTrailer: Bool {
        switch state {
        case .trailerStart, .trailerName, .trailerValue, .trailerLineFeed, .endLineFeed: true
        default: false
        }
    }

    /// A byte outside of data and trailers.
    private mutating func chunkLine(_ byte: UInt8) -> HTTPRefusal? {
        switch state {
        case .size: return size(byte)
        case .fieldExtension:
            if byte == ByteClass.carriageReturn {
                state = .sizeLineFeed
                return nil
            }
            count += 1
            return ByteClass.isFieldValue(byte) && count <= HTTPLimits.chunkExtension ? nil : .badChunk
        case .sizeLineFeed:
            guard byte == ByteClass.lineFeed else { return .badChunk }
            isLast = remaining == 0
            state = isLast ? .trailerStart : .data
            count = 0
            return nil
        case .dataReturn:
            state = .dataLineFeed
            return byte == ByteClass.carriageReturn ? nil : .badChunk
        case .dataLineFeed:
            state = .size
            return byte == ByteClass.lineFeed ? nil : .badChunk
        default: return .badChunk
        }
    }

    private mutating func size(_ byte: UInt8) -> HTTPRefusal? {
        if let digit = ByteClass.hexadecimal(byte) {
            count += 1
            remaining = remaining << 4 | digit
            return count <= HTTPLimits.chunkDigits ? nil : .badChunk
        }
        guard count > 0 else { return .badChunk }
        switch byte {
        case ByteClass.carriageReturn: state = .sizeLineFeed
        case UInt8(ascii: ";"):
            state = .fieldExtension
            count = 0
        default: return .badChunk
        }
        return nil
    }

    private mutating func trailer(_ byte: UInt8) -> HTTPRefusal? {
        count += 1
        guard count <= HTTPLimits.trailers else { return .badTrailer }
        switch state {
        case .trailerStart:
            if byte == ByteClass.carriageReturn {
                state = .endLineFeed
                return nil
            }
            name = TrailerName()
            state = .trailerName
            return nameByte(byte)
        case .trailerName:
            guard byte == ByteClass.colon else { return nameByte(byte) }
            state = .trailerValue
            return name.isForbidden ? .badTrailer : nil
        case .trailerValue:
            if byte == ByteClass.carriageReturn {
                state = .trailerLineFeed
                return nil
            }
            return ByteClass.isFieldValue(byte) ? nil : .badTrailer
        case .trailerLineFeed:
            state = .trailerStart
            return byte == ByteClass.lineFeed ? nil : .badTrailer
        case .endLineFeed:
            state = .ended
            return byte == ByteClass.lineFeed ? nil : .badTrailer
        default: return .badTrailer
        }
    }

    private mutating func nameByte(_ byte: UInt8) -> HTTPRefusal? {
        guard ByteClass.isToken(byte) else { return .badTrailer }
        name.append(byte)
        return nil
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

    /// - Returns: how many of the bytes belong to the body.
    package mutating func take(_ bytes: UnsafeRawBufferPointer) -> Result<Int, HTTPRefusal> {
        switch length {
        case .none: return .success(0)
        case .exactly:
            let count = min(remaining, UInt64(bytes.count))
            remaining -= count
            return .success(Int(count))
        case .chunked: return chunks.take(bytes)
        case .untilClose: return .success(bytes.count)
        }
    }
}
