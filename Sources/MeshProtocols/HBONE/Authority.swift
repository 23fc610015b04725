internal import MeshTypes

/// The strict form of `:authority` in a tunnel: an IP literal and a port, nothing else (RFC 9113 §8.5, RFC 3986 §3.2.2).
enum Authority {
    static let maximumLength = 47  // eight groups of four digits in brackets, a colon, five digits

    /// - Returns: nil for names, zones, ports out of 1…65535, leading zeros, signs, and IPv4 in IPv6 brackets.
    static func parse(_ text: UnsafeRawBufferPointer) -> SocketAddress? {
        guard text.count <= maximumLength, let colon = text.lastIndex(of: UInt8(ascii: ":")) else { return nil }
        guard let port = port(text[(colon + 1)...]), let ip = host(text[..<colon]) else { return nil }
        return SocketAddress(ip: ip, port: port)
    }

    static func host(_ text: Slice<UnsafeRawBufferPointer>) -> IPAddress? {
        if text.first == UInt8(ascii: "[") {
            guard text.last == UInt8(ascii: "]") else { return nil }
            let inner = text.dropFirst().dropLast()
            // inet_pton takes no zone; a v4-mapped literal would be a second spelling of an IPv4 endpoint.
            guard let ip = IPAddress(String(decoding: inner, as: UTF8.self)), !ip.isV4, inner.contains(UInt8(ascii: ":")) else {
                return nil
            }
            return ip
        }
        guard !text.isEmpty, text.allSatisfy({ $0 == UInt8(ascii: ".") || isDigit($0) }) else { return nil }
        return IPAddress(String(decoding: text, as: UTF8.self))
    }

    static func port(_ text: Slice<UnsafeRawBufferPointer>) -> UInt16? {
        guard (1...5).contains(text.count), text.first != UInt8(ascii: "0") else { return nil }
        var value: UInt32 = 0
        for byte in text {
            guard isDigit(byte) else { return nil }
            value = value * 10 + UInt32(byte - UInt8(ascii: "0"))
        }
        return UInt16(exactly: value)
    }

    private static func isDigit(_ byte: UInt8) -> Bool { byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9") }
}
