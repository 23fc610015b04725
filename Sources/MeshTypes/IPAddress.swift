#if canImport(Glibc)
    internal import Glibc
#endif

/// An IPv4 or IPv6 address as 16 bytes in network order; IPv4 is kept v4-mapped (RFC 4291 §2.5.5.2), as the kernel programs do.
package struct IPAddress: Hashable, Sendable, BitwiseCopyable, CustomStringConvertible {
    /// The first and last eight bytes, most significant first.
    package let high: UInt64
    package let low: UInt64

    package init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    package init(v4 word: UInt32) { self.init(high: 0, low: 0xffff_0000_0000 | UInt64(word)) }

    /// Parses dotted-quad or RFC 4291 text; nil if it is neither.
    package init?(_ text: String) {
        var v4 = in_addr()
        var v6 = in6_addr()
        if inet_pton(AF_INET, text, &v4) == 1 {
            self.init(v4: UInt32(bigEndian: v4.s_addr))
        } else if inet_pton(AF_INET6, text, &v6) == 1 {
            self = withUnsafeBytes(of: &v6) { Self(bytes: $0) }
        } else {
            return nil
        }
    }

    /// - Precondition: exactly 16 bytes, network order.
    package init(bytes: UnsafeRawBufferPointer) {
        precondition(bytes.count == 16)
        self.init(
            high: UInt64(bigEndian: bytes.loadUnaligned(as: UInt64.self)),
            low: UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self)))
    }

    package static let v4Loopback = IPAddress(v4: 0x7f00_0001)
    package static let v6Loopback = IPAddress(high: 0, low: 1)
    package static let v4Any = IPAddress(v4: 0)
    package static let v6Any = IPAddress(high: 0, low: 0)

    package var isV4: Bool { high == 0 && low >> 32 == 0xffff }
    /// The address in host order. - Precondition: `isV4`.
    package var v4: UInt32 { UInt32(truncatingIfNeeded: low) }
    package var isLoopback: Bool { isV4 ? v4 >> 24 == 127 : self == .v6Loopback }

    /// fe80::/10 or 169.254.0.0/16.
    package var isLinkLocal: Bool { isV4 ? v4 >> 16 == 0xa9fe : high >> 54 == 0x3fa }

    package var isMulticast: Bool { isV4 ? v4 >> 28 == 0xe : high >> 56 == 0xff }
    /// A host elsewhere could have it: neither loopback, unspecified, link-local nor multicast.
    package var isUnicastElsewhere: Bool {
        !isLoopback && !isLinkLocal && !isMulticast && self != .v6Any && !(isV4 && (v4 >> 24 == 0 || v4 == .max))
    }

    /// What stands for one party in bounds per source: the address itself, and of IPv6 its /64, as whoever has one address has all of those.
    package var site: IPAddress { isV4 ? self : IPAddress(high: high, low: 0) }

    /// 16 bytes, network order.
    package var bytes: (UInt64, UInt64) { (high.bigEndian, low.bigEndian) }

    package var description: String {
        if isV4 { return "\(v4 >> 24).\(v4 >> 16 & 255).\(v4 >> 8 & 255).\(v4 & 255)" }
        var address = in6_addr()
        withUnsafeMutableBytes(of: &address) { target in
            withUnsafeBytes(of: bytes) { target.copyMemory(from: $0) }
        }
        return withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(INET6_ADDRSTRLEN)) { buffer in
            _ = inet_ntop(AF_INET6, &address, buffer.baseAddress, socklen_t(INET6_ADDRSTRLEN))
            return String(cString: buffer.baseAddress!)
        }
    }
}

/// An address and a TCP or UDP port (host order).
package struct SocketAddress: Hashable, Sendable, BitwiseCopyable, CustomStringConvertible {
    package let ip: IPAddress
    package let port: UInt16

    package init(ip: IPAddress, port: UInt16) {
        self.ip = ip
        self.port = port
    }

    /// Parses `1.2.3.4:80` and `[2001:db8::1]:80`.
    package init?(_ text: some StringProtocol) {
        guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]) else { return nil }
        var host = text[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") {
            host = host.dropFirst().dropLast()
        } else if host.contains(":") {
            return nil
        }
        guard let ip = IPAddress(String(host)) else { return nil }
        self.init(ip: ip, port: port)
    }

    package var description: String { ip.isV4 ? "\(ip):\(port)" : "[\(ip)]:\(port)" }
}
