/// Messages in a TCP stream, each behind its length in two octets (RFC 1035 §4.2.2).
package struct DNSStream: Sendable {
    private var buffer: [UInt8] = []
    private var start = 0

    package init() {}

    /// Bytes that came and were not handed out yet.
    package var pending: Int { buffer.count - start }

    package mutating func append(_ bytes: UnsafeRawBufferPointer) {
        if start > 0 {
            buffer.removeFirst(start)
            start = 0
        }
        buffer += bytes
    }

    /// A whole message is there.
    package var hasMessage: Bool { messageLength != nil }

    /// Of the next message, if all of it is there.
    private var messageLength: Int? {
        guard pending >= 2 else { return nil }
        let length = Int(buffer[start]) << 8 | Int(buffer[start + 1])
        return pending >= 2 + length ? length : nil
    }

    /// The next whole message; nil until it is there.
    package mutating func next() -> [UInt8]? {
        guard let length = messageLength else { return nil }
        defer { start += 2 + length }
        return Array(buffer[start + 2..<start + 2 + length])
    }

    /// A message as it goes into the stream. - Precondition: at most 65,535 octets.
    package static func framed(_ message: [UInt8]) -> [UInt8] {
        [UInt8(message.count >> 8), UInt8(message.count & 255)] + message
    }
}
