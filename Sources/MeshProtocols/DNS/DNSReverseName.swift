package import MeshTypes

/// Names of addresses (RFC 1035 §3.5, RFC 3596 §2.5): `2.0.64.240.in-addr.arpa`.
package enum DNSReverseName {
    /// What a name below `in-addr.arpa` or `ip6.arpa` means.
    package enum Meaning: Equatable, Sendable {
        case address(IPAddress)
        /// All addresses that begin so; `prefix` counts the bits of its family.
        case network(IPAddress, prefix: Int)
    }

    private static let v4Zone = DNSName("in-addr.arpa")!
    private static let v6Zone = DNSName("ip6.arpa")!

    package static func name(of address: IPAddress) -> DNSName {
        if address.isV4 { return name(of: address, labels: 4) }
        return name(of: address, labels: 32)
    }

    /// The zone of a network; where its prefix ends within a label, that of its first part.
    package static func zone(of address: IPAddress, prefix: Int) -> DNSName {
        name(of: address, labels: address.isV4 ? (prefix + 7) / 8 : (prefix + 3) / 4)
    }

    private static func name(of address: IPAddress, labels count: Int) -> DNSName {
        let zone = address.isV4 ? "in-addr.arpa" : "ip6.arpa"
        let labels = (0..<count).reversed().map { index in
            guard !address.isV4 else { return String(address.v4 >> UInt32(24 - 8 * index) & 255) }
            let half = index < 16 ? address.high : address.low
            return String(half >> UInt64(60 - 4 * (index % 16)) & 15, radix: 16)
        }
        return DNSName((labels + [zone]).joined(separator: "."))!
    }

    /// nil for a name that is no address's.
    package static func meaning(of name: DNSName) -> Meaning? {
        if name.isWithin(v4Zone) { return v4(name.labels.dropLast(2)) }
        return name.isWithin(v6Zone) ? v6(name.labels.dropLast(2)) : nil
    }

    private static func v4(_ labels: ArraySlice<ArraySlice<UInt8>>) -> Meaning? {
        guard (1...4).contains(labels.count) else { return nil }
        var word: UInt32 = 0
        for label in labels.reversed() {
            guard let octet = UInt8(String(decoding: label, as: UTF8.self)) else { return nil }
            word = word << 8 | UInt32(octet)
        }
        let address = IPAddress(v4: word << UInt32(32 - 8 * labels.count))
        return labels.count == 4 ? .address(address) : .network(address, prefix: 8 * labels.count)
    }

    private static func v6(_ labels: ArraySlice<ArraySlice<UInt8>>) -> Meaning? {
        guard (1...32).contains(labels.count) else { return nil }
        var halves: (high: UInt64, low: UInt64) = (0, 0)
        for (index, label) in labels.reversed().enumerated() {
            guard label.count == 1, let digit = UInt64(String(decoding: label, as: UTF8.self), radix: 16) else { return nil }
            let shifted = digit << UInt64(60 - 4 * (index % 16))
            if index < 16 { halves.high |= shifted } else { halves.low |= shifted }
        }
        let address = IPAddress(high: halves.high, low: halves.low)
        return labels.count == 32 ? .address(address) : .network(address, prefix: 4 * labels.count)
    }
}
