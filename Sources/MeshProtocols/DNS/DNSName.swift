/// A domain name in wire form without compression (RFC 1035 §3.1), spelled as it came, compared without regard to ASCII case.
package struct DNSName: Hashable, Sendable, CustomStringConvertible {
    /// Octets of the wire form, the final zero included.
    package static let maximumLength = 255

    /// Length-prefixed labels and a final zero.
    package let wire: [UInt8]

    /// - Precondition: `wire` is well-formed: labels behind their lengths, then a zero, at most `maximumLength` octets.
    package init(wire: [UInt8]) { self.wire = wire }

    package static let root = DNSName(wire: [0])

    /// Parses dotted text, with or without the final dot; no escapes.
    package init?(_ text: some StringProtocol) {
        var wire: [UInt8] = []
        var rest = Array(text.utf8)[...]
        if rest.last == UInt8(ascii: ".") { rest = rest.dropLast() }
        if !rest.isEmpty {
            for label in rest.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false) {
                guard (1...63).contains(label.count) else { return nil }
                wire.append(UInt8(label.count))
                wire += label
            }
        }
        guard wire.count < Self.maximumLength else { return nil }
        self.init(wire: wire + [0])
    }

    /// The labels, most specific first, in lower case.
    package var labels: [ArraySlice<UInt8>] {
        let folded = lowercased.wire
        var labels: [ArraySlice<UInt8>] = []
        var at = 0
        while folded[at] != 0 {
            let next = at + 1 + Int(folded[at])
            labels.append(folded[at + 1..<next])
            at = next
        }
        return labels
    }

    /// Length octets are below 64 and so never letters: the whole wire form can be folded at once.
    package var lowercased: DNSName { DNSName(wire: wire.map(Self.folded)) }

    /// Letters in lower and upper case as `bits` say, over and over: an answer that was made without seeing the query has them otherwise
    /// (draft-vixie-dnsext-dns0x20).
    package func spelled(by bits: UInt64) -> DNSName {
        var bits = bits
        return DNSName(
            wire: lowercased.wire.map { byte in
                guard (0x61...0x7a).contains(byte) else { return byte }
                defer { bits = bits >> 1 | bits << 63 }
                return bits & 1 == 0 ? byte : byte & ~0x20
            })
    }

    /// The name is `zone`, or lies below it.
    package func isWithin(_ zone: DNSName) -> Bool {
        let start = wire.count - zone.wire.count
        guard start >= 0 else { return false }
        var at = 0
        while at < start { at += 1 + Int(wire[at]) }
        return at == start && (0..<zone.wire.count).allSatisfy { Self.folded(wire[start + $0]) == Self.folded(zone.wire[$0]) }
    }

    static func folded(_ byte: UInt8) -> UInt8 { (0x41...0x5a).contains(byte) ? byte | 0x20 : byte }

    package static func == (left: Self, right: Self) -> Bool {
        guard left.wire.count == right.wire.count else { return false }
        for index in left.wire.indices where left.wire[index] != right.wire[index] {
            guard folded(left.wire[index]) == folded(right.wire[index]) else { return false }
        }
        return true
    }

    package func hash(into hasher: inout Hasher) {
        withUnsafeTemporaryAllocation(byteCount: wire.count, alignment: 1) { buffer in
            for index in wire.indices { buffer[index] = Self.folded(wire[index]) }
            hasher.combine(bytes: UnsafeRawBufferPointer(buffer))
        }
    }

    /// Printable whatever it holds: dots within labels and backslashes behind a backslash, all but visible ASCII as `\\DDD` (RFC 4343 §2.1).
    package var escaped: String {
        let labels = labels.map { label in
            label.reduce(into: "") { text, byte in
                switch byte {
                case UInt8(ascii: "."), UInt8(ascii: "\\"): text += "\\\(Character(UnicodeScalar(byte)))"
                case 0x21...0x7e: text.append(Character(UnicodeScalar(byte)))
                default: text += "\\" + String(repeating: "0", count: byte < 10 ? 2 : byte < 100 ? 1 : 0) + "\(byte)"
                }
            }
        }
        return labels.isEmpty ? "." : labels.joined(separator: ".")
    }

    package var description: String {
        labels.isEmpty ? "." : labels.map { String(decoding: $0, as: UTF8.self) }.joined(separator: ".")
    }
}
