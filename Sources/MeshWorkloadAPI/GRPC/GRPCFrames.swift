/// gRPC's length-prefixed messages: a flag for compression, four bytes of length, the message.
package struct GRPCFrames {
    static let headBytes = 5
    /// Bytes of one message, at most.
    let limit: Int
    private var buffer: [UInt8] = []

    package init(limit: Int) { self.limit = limit }

    package static func framed(_ message: [UInt8]) -> [UInt8] {
        let count = UInt32(message.count)
        return [0] + [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: count >> $0) } + message
    }

    package mutating func append(_ bytes: some Sequence<UInt8>) { buffer.append(contentsOf: bytes) }

    /// Whether nothing of a message waits for its rest.
    package var isEmpty: Bool { buffer.isEmpty }

    /// The next whole message; nil while it is not there yet.
    package mutating func next() throws(GRPCStatus) -> [UInt8]? {
        guard buffer.count >= Self.headBytes else { return nil }
        guard buffer[0] == 0 else { throw GRPCStatus(.notServed, "compressed messages are not taken: none was offered") }
        let count = buffer[1..<Self.headBytes].reduce(0) { $0 << 8 | Int($1) }
        guard count <= limit else { throw GRPCStatus(.resourceExhausted, "a message of \(count) bytes is larger than \(limit)") }
        guard buffer.count >= Self.headBytes + count else { return nil }
        defer { buffer.removeFirst(Self.headBytes + count) }
        return Array(buffer[Self.headBytes..<(Self.headBytes + count)])
    }
}
