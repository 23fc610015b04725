/// A domain name in wire form without compression (RFC 1035 §3.1), spelled as it came, compared without regard to ASCII case.
package struct DNSName: Hashable, Sendable, CustomStringConvertible {
    /// Octets of the wire form, the final zero included.
    package static let maximumLength = 255

    /// Length-prefixed labels and a final zero.
    package let wire: [UInt8]

    /// - Precondition: `wire` is well-formed.
    init(wire: [UInt8]) { self.wire = wire }

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
        let folded = wire.map(Self.folded)
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
    private static func folded(_ byte: UInt8) -> UInt8 { (0x41...0x5a).contains(byte) ? byte | 0x20 : byte }

    package static func == (left: Self, right: Self) -> Bool {
        left.wire.count == right.wire.count && zip(left.wire, right.wire).allSatisfy { folded($0) == folded($1) }
    }

    package func hash(into hasher: inout Hasher) {
        for byte in wire { hasher.combine(Self.folded(byte)) }
    }

    package var description: String {
        labels.isEmpty ? "." : labels.map { String(decoding: $0, as: UTF8.self) }.joined(separator: ".")
    }
}
