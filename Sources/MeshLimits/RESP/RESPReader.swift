/// Takes replies apart as their bytes come. What is not a reply, or larger than any that was asked for, ends the connection.
package struct RESPReader: Sendable {
    package enum Failure: Error, Equatable {
        case malformed
        case tooLarge
    }

    /// Bytes of one reply.
    package static let maximumReply = 64 << 10
    /// Bytes of a status, a failure or a number.
    package static let maximumLine = 1024
    /// Values in one array.
    package static let maximumElements = 1024
    /// Arrays in arrays.
    package static let maximumDepth = 4

    private var input: [UInt8] = []

    package init() {}

    package mutating func append(_ bytes: some Sequence<UInt8>) { input += bytes }

    /// The next reply; nil when it is not whole yet.
    package mutating func next() throws(Failure) -> RESPValue? {
        var cursor = Cursor(input: input)
        guard let value = try cursor.value(depth: 0) else {
            guard input.count <= Self.maximumReply else { throw .tooLarge }
            return nil
        }
        guard cursor.position <= Self.maximumReply else { throw .tooLarge }
        input.removeFirst(cursor.position)
        return value
    }

    private struct Cursor {
        let input: [UInt8]
        var position = 0

        private static let kinds = Array("+-:$*".utf8)

        init(input: [UInt8]) { self.input = input }

        mutating func value(depth: Int) throws(Failure) -> RESPValue? {
            guard position < input.count else { return nil }
            let kind = input[position]
            guard Self.kinds.contains(kind) else { throw .malformed }
            guard let text = try line() else { return nil }
            switch kind {
            case UInt8(ascii: "+"): return .status(String(decoding: text, as: UTF8.self))
            case UInt8(ascii: "-"): return .failure(String(decoding: text, as: UTF8.self))
            case UInt8(ascii: ":"): return .integer(try number(text))
            case UInt8(ascii: "$"): return try bulk(try number(text))
            default: return try array(try number(text), depth: depth)
            }
        }

        /// What stands between the kind and CRLF.
        private mutating func line() throws(Failure) -> ArraySlice<UInt8>? {
            let start = position + 1
            guard let end = input[start...].prefix(RESPReader.maximumLine).firstIndex(of: 13) else {
                guard input.count - start < RESPReader.maximumLine else { throw .tooLarge }
                return nil
            }
            guard end + 1 < input.count else { return nil }
            guard input[end + 1] == 10 else { throw .malformed }
            position = end + 2
            return input[start..<end]
        }

        private func number(_ text: ArraySlice<UInt8>) throws(Failure) -> Int64 {
            guard let number = Int64(String(decoding: text, as: UTF8.self)) else { throw .malformed }
            return number
        }

        private mutating func bulk(_ length: Int64) throws(Failure) -> RESPValue? {
            if length == -1 { return .bulk(nil) }
            guard length >= 0 else { throw .malformed }
            guard length <= RESPReader.maximumReply else { throw .tooLarge }
            let end = position + Int(length)
            guard end + 2 <= input.count else { return nil }
            guard input[end] == 13, input[end + 1] == 10 else { throw .malformed }
            defer { position = end + 2 }
            return .bulk(Array(input[position..<end]))
        }

        private mutating func array(_ count: Int64, depth: Int) throws(Failure) -> RESPValue? {
            if count == -1 { return .array(nil) }
            guard count >= 0 else { throw .malformed }
            guard count <= RESPReader.maximumElements, depth < RESPReader.maximumDepth else { throw .tooLarge }
            var values: [RESPValue] = []
            for _ in 0..<count {
                guard let value = try value(depth: depth + 1) else { return nil }
                values.append(value)
            }
            return .array(values)
        }
    }
}
