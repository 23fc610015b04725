/// Reads the status out of an answer's first line, however it arrives, and looks at nothing behind it (RFC 9112 §4).
package struct StatusReader: Sendable {
    package enum Progress: Sendable, Equatable {
        case incomplete
        case status(Int)
        /// It is not HTTP/1.1, or the line is longer than `longestLine`.
        case refused
    }

    /// Bytes of the line without its end.
    package static let longestLine = 512
    private static let prefix = Array("HTTP/1.".utf8)

    /// Bytes of the line so far.
    private var count = 0
    private var status = 0
    private var progress = Progress.incomplete
    private var endsLine = false

    package init() {}

    /// Takes more bytes. After the line's end, and after a refusal, nothing changes any more.
    package mutating func take(_ bytes: UnsafeRawBufferPointer) -> Progress {
        for byte in bytes where progress == .incomplete { advance(byte) }
        return progress
    }

    private mutating func advance(_ byte: UInt8) {
        if endsLine {
            progress = byte == ByteClass.lineFeed ? .status(status) : .refused
            return
        }
        let place = count
        count += 1
        guard accepts(byte, at: place), count <= Self.longestLine else {
            progress = .refused
            return
        }
    }

    private mutating func accepts(_ byte: UInt8, at place: Int) -> Bool {
        switch place {
        case 0..<7: return byte == Self.prefix[place]
        case 7: return ByteClass.isDigit(byte)
        case 8: return byte == ByteClass.space
        case 9..<12:
            guard ByteClass.isDigit(byte) else { return false }
            status = status * 10 + Int(byte - 48)
            return place < 11 || (100...599).contains(status)
        default:
            endsLine = byte == ByteClass.carriageReturn
            // Without a phrase some servers leave the space out as well.
            return endsLine || (place == 12 ? byte == ByteClass.space : ByteClass.isFieldValue(byte))
        }
    }
}
