/// Why bytes are no message: what stands where.
package struct MalformedMessage: Error, Sendable, CustomStringConvertible {
    package let description: String
    init(_ description: String) { self.description = description }
}

/// Protobuf's wire format, as far as the Workload API's messages need it: numbered fields that hold bytes; others are passed over.
struct ProtobufReader {
    /// What a field holds.
    enum Value: Equatable {
        /// A string, bytes, or a message of its own.
        case bytes(ArraySlice<UInt8>)
        /// A number of whichever kind: none of the messages here has one that matters.
        case number
    }

    /// Of a varint with 64 bits.
    private static let longestVarint = 10
    private var rest: ArraySlice<UInt8>

    init(_ bytes: ArraySlice<UInt8>) { rest = bytes }

    /// The next field; nil at the end.
    mutating func next() throws(MalformedMessage) -> (number: UInt64, value: Value)? {
        if rest.isEmpty { return nil }
        let key = try varint()
        let number = key >> 3
        guard number > 0 else { throw MalformedMessage("a field has the number 0") }
        switch key & 7 {
        case 0:
            _ = try varint()
            return (number, .number)
        case 1: return (number, try skip(8))
        case 2:
            let count = try varint()
            guard count <= UInt64(rest.count) else {
                throw MalformedMessage("field \(number) says that it has \(count) bytes, where \(rest.count) are left")
            }
            defer { rest = rest.dropFirst(Int(count)) }
            return (number, .bytes(rest.prefix(Int(count))))
        case 5: return (number, try skip(4))
        case let kind: throw MalformedMessage("field \(number) has the wire type \(kind)")
        }
    }

    private mutating func skip(_ count: Int) throws(MalformedMessage) -> Value {
        guard rest.count >= count else { throw MalformedMessage("a number is cut off") }
        rest = rest.dropFirst(count)
        return .number
    }

    private mutating func varint() throws(MalformedMessage) -> UInt64 {
        var value: UInt64 = 0
        for index in 0..<Self.longestVarint {
            guard let byte = rest.popFirst() else { throw MalformedMessage("a number is cut off") }
            // The tenth byte has room for the 64th bit alone.
            guard index < Self.longestVarint - 1 || byte <= 1 else { break }
            value |= UInt64(byte & 0x7f) << UInt64(7 * index)
            if byte & 0x80 == 0 { return value }
        }
        throw MalformedMessage("a number is longer than 64 bits")
    }
}
