import MeshProtocols

/// HTTP/2 frames by hand, as a hostile peer would write them (RFC 9113 §4.1).
enum RawFrames {
    static let preface: [UInt8] = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8) + settings()

    static func frame(_ type: UInt8, flags: UInt8 = 0, stream: UInt32 = 0, _ payload: [UInt8] = []) -> [UInt8] {
        let count = payload.count
        return [UInt8(count >> 16 & 255), UInt8(count >> 8 & 255), UInt8(count & 255), type, flags] + word(stream) + payload
    }

    static func word(_ value: UInt32) -> [UInt8] {
        [UInt8(value >> 24), UInt8(value >> 16 & 255), UInt8(value >> 8 & 255), UInt8(value & 255)]
    }

    static func settings(_ entries: [(UInt16, UInt32)] = []) -> [UInt8] {
        frame(4, entries.flatMap { [UInt8($0.0 >> 8), UInt8($0.0 & 255)] + word($0.1) })
    }

    static func ping() -> [UInt8] { frame(6, [UInt8](repeating: 7, count: 8)) }
    static func reset(_ stream: UInt32, _ code: HBONEErrorCode = .cancel) -> [UInt8] {
        frame(3, stream: stream, word(code.rawValue))
    }
    static func goAway(lastStream: UInt32, code: HBONEErrorCode) -> [UInt8] { frame(7, word(lastStream) + word(code.rawValue)) }
    static func windowUpdate(_ stream: UInt32, _ increment: UInt32) -> [UInt8] { frame(8, stream: stream, word(increment)) }
    static func priority(_ stream: UInt32) -> [UInt8] { frame(2, stream: stream, word(0) + [15]) }
    static func data(_ stream: UInt32, _ bytes: [UInt8] = [], flags: UInt8 = 0) -> [UInt8] { frame(0, flags: flags, stream: stream, bytes) }

    /// A header block of literals without indexing and without Huffman coding (RFC 7541 §6.2.2).
    static func block(_ fields: [(String, String)]) -> [UInt8] {
        fields.flatMap { name, value in [0] + string(name) + string(value) }
    }

    private static func string(_ text: String) -> [UInt8] {
        let bytes = Array(text.utf8)
        guard bytes.count >= 127 else { return [UInt8(bytes.count)] + bytes }
        var rest = bytes.count - 127
        var prefix: [UInt8] = [127]
        while rest >= 128 {
            prefix.append(UInt8(rest & 127 | 128))
            rest >>= 7
        }
        return prefix + [UInt8(rest)] + bytes
    }

    /// HEADERS with END_HEADERS.
    static func headers(_ stream: UInt32, _ fields: [(String, String)], end: Bool = false) -> [UInt8] {
        frame(1, flags: end ? 5 : 4, stream: stream, block(fields))
    }

    static func connect(_ stream: UInt32, to authority: String = "10.0.0.1:80") -> [UInt8] {
        headers(stream, [(":method", "CONNECT"), (":authority", authority)])
    }

    /// The frames in `bytes`: type, flags, stream, payload.
    static func parse(_ bytes: [UInt8]) -> [(type: UInt8, flags: UInt8, stream: UInt32, payload: [UInt8])] {
        var frames: [(type: UInt8, flags: UInt8, stream: UInt32, payload: [UInt8])] = []
        var rest = bytes[...]
        while rest.count >= 9 {
            let head = Array(rest.prefix(9))
            let count = Int(head[0]) << 16 | Int(head[1]) << 8 | Int(head[2])
            let stream = head[5..<9].reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
            frames.append((head[3], head[4], stream, Array(rest.dropFirst(9).prefix(count))))
            rest = rest.dropFirst(9 + count)
        }
        return frames
    }

    /// Code and debug text of the last GOAWAY in `bytes`.
    static func farewell(_ bytes: [UInt8]) -> (code: UInt32, text: String)? {
        guard let frame = parse(bytes).last(where: { $0.type == 7 }) else { return nil }
        return (
            frame.payload[4..<8].reduce(UInt32(0)) { $0 << 8 | UInt32($1) }, String(decoding: frame.payload[8...], as: UTF8.self)
        )
    }
}
