/// Cuts the bytes of one connection into heads and bodies. What is no HTTP is thrown: the connection is of no use then.
struct HTTPReader {
    static let maximumHead = 64 << 10
    static let maximumBody = 16 << 20
    private static let maximumChunkLine = 4 << 10
    private static let blankLine: [UInt8] = [13, 10, 13, 10]

    private var bytes: [UInt8] = []
    /// So many of them hold no end of a head.
    private var searched = 0

    /// Nothing is left over.
    var isEmpty: Bool { bytes.isEmpty }

    mutating func append(_ more: UnsafeRawBufferPointer) { bytes.append(contentsOf: more) }

    /// nil while it is not whole.
    mutating func head() throws(LoadFailure) -> HTTPHead? {
        guard let end = find(Self.blankLine, from: searched) else {
            searched = max(0, bytes.count - Self.blankLine.count + 1)
            guard bytes.count <= Self.maximumHead else { throw LoadFailure("a head over \(Self.maximumHead) bytes") }
            return nil
        }
        let text = String(decoding: bytes[..<end], as: UTF8.self)
        drop(end + Self.blankLine.count)
        return try HTTPHead(text)
    }

    /// nil while it is not whole. - Parameter hasEnded: no more will come.
    mutating func body(_ framing: HTTPHead.Framing, hasEnded: Bool = false) throws(LoadFailure) -> [UInt8]? {
        switch framing {
        case .length(let count):
            guard bytes.count >= count else { return nil }
            let body = Array(bytes[..<count])
            drop(count)
            return body
        case .chunked: return try chunks()
        case .untilEnd:
            guard bytes.count <= Self.maximumBody else { throw LoadFailure("a body over \(Self.maximumBody) bytes") }
            guard hasEnded else { return nil }
            defer { drop(bytes.count) }
            return bytes
        }
    }

    private mutating func chunks() throws(LoadFailure) -> [UInt8]? {
        var body: [UInt8] = []
        var offset = 0
        while let end = find([13, 10], from: offset) {
            let line = String(decoding: bytes[offset..<end], as: UTF8.self)
            guard let size = Int(line.prefix { $0 != ";" }, radix: 16), size >= 0, size <= Self.maximumBody - body.count else {
                throw LoadFailure("'\(line.prefix(40))' is no size of a chunk")
            }
            offset = end + 2
            if size == 0 {
                guard let rest = trailerEnd(from: offset) else { return nil }
                drop(rest)
                return body
            }
            guard bytes.count >= offset + size + 2 else { return nil }
            body += bytes[offset..<offset + size]
            offset += size + 2
        }
        guard bytes.count - offset <= Self.maximumChunkLine else { throw LoadFailure("a chunk without a size") }
        return nil
    }

    /// Past the blank line after the last chunk; trailers are passed over.
    private func trailerEnd(from start: Int) -> Int? {
        var offset = start
        while let end = find([13, 10], from: offset) {
            if end == offset { return end + 2 }
            offset = end + 2
        }
        return nil
    }

    private func find(_ pattern: [UInt8], from start: Int) -> Int? {
        guard bytes.count >= pattern.count else { return nil }
        var index = start
        while index <= bytes.count - pattern.count {
            if bytes[index] == pattern[0], bytes[index..<index + pattern.count].elementsEqual(pattern) { return index }
            index += 1
        }
        return nil
    }

    private mutating func drop(_ count: Int) {
        bytes.removeFirst(count)
        searched = 0
    }
}
