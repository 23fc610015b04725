/// The first four octets of a message (RFC 1035 §4.1.1): number and flags.
package struct DNSHeader: Hashable, Sendable, BitwiseCopyable {
    /// Of the whole header with its counts.
    package static let length = 12

    package var id: UInt16
    package var flags: UInt16

    package init(id: UInt16, flags: UInt16 = 0) {
        self.id = id
        self.flags = flags
    }

    package var isResponse: Bool {
        get { flag(0x8000) }
        set { set(0x8000, newValue) }
    }
    package var isAuthoritative: Bool {
        get { flag(0x0400) }
        set { set(0x0400, newValue) }
    }
    package var isTruncated: Bool {
        get { flag(0x0200) }
        set { set(0x0200, newValue) }
    }
    package var recursionDesired: Bool {
        get { flag(0x0100) }
        set { set(0x0100, newValue) }
    }
    package var recursionAvailable: Bool {
        get { flag(0x0080) }
        set { set(0x0080, newValue) }
    }
    /// AD: the data was verified, or, in a query, whether it was is of interest (RFC 6840 §5.7).
    package var isVerified: Bool {
        get { flag(0x0020) }
        set { set(0x0020, newValue) }
    }
    /// CD: data that fails verification is wanted too (RFC 4035 §3.2.2).
    package var checkingDisabled: Bool {
        get { flag(0x0010) }
        set { set(0x0010, newValue) }
    }
    /// 0 is QUERY.
    package var opcode: UInt8 { UInt8(flags >> 11 & 15) }
    package var responseCode: DNSResponseCode {
        get { DNSResponseCode(rawValue: UInt8(flags & 15)) }
        set { flags = flags & ~15 | UInt16(newValue.rawValue & 15) }
    }

    /// The header of an answer: number, opcode and the bits that go back are the query's.
    package func answering(_ code: DNSResponseCode, authoritative: Bool = false) -> DNSHeader {
        var header = DNSHeader(id: id, flags: flags & 0x7910 | 0x8080)
        header.isAuthoritative = authoritative
        header.responseCode = code
        return header
    }

    private func flag(_ bit: UInt16) -> Bool { flags & bit != 0 }
    private mutating func set(_ bit: UInt16, _ value: Bool) { flags = value ? flags | bit : flags & ~bit }
}

/// RCODE (RFC 1035 §4.1.1).
package struct DNSResponseCode: Hashable, Sendable, BitwiseCopyable, RawRepresentable {
    package let rawValue: UInt8
    package init(rawValue: UInt8) { self.rawValue = rawValue }
    package static let noError = DNSResponseCode(rawValue: 0)
    package static let formatError = DNSResponseCode(rawValue: 1)
    package static let serverFailure = DNSResponseCode(rawValue: 2)
    package static let noSuchName = DNSResponseCode(rawValue: 3)
    package static let notImplemented = DNSResponseCode(rawValue: 4)
    package static let refused = DNSResponseCode(rawValue: 5)
}
