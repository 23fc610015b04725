package import MeshTypes

/// TYPE (RFC 1035 §3.2.2 and later).
package struct DNSType: Hashable, Sendable, BitwiseCopyable, RawRepresentable {
    package let rawValue: UInt16
    package init(rawValue: UInt16) { self.rawValue = rawValue }
    package static let a = DNSType(rawValue: 1)
    package static let ns = DNSType(rawValue: 2)
    package static let cname = DNSType(rawValue: 5)
    package static let soa = DNSType(rawValue: 6)
    package static let ptr = DNSType(rawValue: 12)
    package static let mx = DNSType(rawValue: 15)
    package static let txt = DNSType(rawValue: 16)
    package static let aaaa = DNSType(rawValue: 28)
    package static let srv = DNSType(rawValue: 33)
    package static let loc = DNSType(rawValue: 29)
    package static let naptr = DNSType(rawValue: 35)
    package static let dname = DNSType(rawValue: 39)
    package static let opt = DNSType(rawValue: 41)
    package static let ds = DNSType(rawValue: 43)
    package static let sshfp = DNSType(rawValue: 44)
    package static let rrsig = DNSType(rawValue: 46)
    package static let nsec = DNSType(rawValue: 47)
    package static let dnskey = DNSType(rawValue: 48)
    package static let nsec3 = DNSType(rawValue: 50)
    package static let nsec3param = DNSType(rawValue: 51)
    package static let tlsa = DNSType(rawValue: 52)
    package static let smimea = DNSType(rawValue: 53)
    package static let cds = DNSType(rawValue: 59)
    package static let cdnskey = DNSType(rawValue: 60)
    package static let openpgpkey = DNSType(rawValue: 61)
    package static let svcb = DNSType(rawValue: 64)
    package static let https = DNSType(rawValue: 65)
    /// TSIG (RFC 8945): between two parties only, never passed on.
    package static let tsig = DNSType(rawValue: 250)
    package static let ixfr = DNSType(rawValue: 251)
    package static let axfr = DNSType(rawValue: 252)
    package static let any = DNSType(rawValue: 255)
    package static let uri = DNSType(rawValue: 256)
    package static let caa = DNSType(rawValue: 257)
}

/// CLASS: the Internet's.
package let dnsClassInternet: UInt16 = 1

package struct DNSQuestion: Hashable, Sendable {
    package var name: DNSName
    package var type: DNSType
    package var kind: UInt16

    package init(name: DNSName, type: DNSType, kind: UInt16 = dnsClassInternet) {
        self.name = name
        self.type = type
        self.kind = kind
    }
}

package struct DNSRecord: Hashable, Sendable {
    package var name: DNSName
    package var kind: UInt16
    /// Seconds.
    package var timeToLive: UInt32
    package var data: Data

    /// A PTR record.
    package static func pointer(_ name: DNSName, to target: DNSName, timeToLive: UInt32) -> DNSRecord {
        DNSRecord(name: name, timeToLive: timeToLive, data: .named(.ptr, before: [], [target], after: []))
    }

    package init(name: DNSName, kind: UInt16 = dnsClassInternet, timeToLive: UInt32, data: Data) {
        self.name = name
        self.kind = kind
        self.timeToLive = timeToLive
        self.data = data
    }

    package enum Data: Hashable, Sendable {
        case a(IPAddress)
        case aaaa(IPAddress)
        case cname(DNSName)
        case srv(priority: UInt16, weight: UInt16, port: UInt16, target: DNSName)
        case soa(StartOfAuthority)
        /// Of an older type: names between octets that mean nothing here (`DNSRecordLayout`).
        case named(DNSType, before: [UInt8], [DNSName], after: [UInt8])
        /// Kept as it came. Names in it are not compressed (RFC 3597 §4).
        case other(DNSType, [UInt8])
    }

    package var type: DNSType {
        switch data {
        case .a: .a
        case .aaaa: .aaaa
        case .cname: .cname
        case .srv: .srv
        case .soa: .soa
        case .named(let type, _, _, _): type
        case .other(let type, _): type
        }
    }
}

/// SOA (RFC 1035 §3.3.13); times in seconds.
package struct StartOfAuthority: Hashable, Sendable {
    package var primary: DNSName
    package var mailbox: DNSName
    package var serial: UInt32
    package var refresh: UInt32
    package var retry: UInt32
    package var expire: UInt32
    /// How long "no such name" may be remembered (RFC 2308 §4).
    package var minimum: UInt32

    package init(
        primary: DNSName, mailbox: DNSName, serial: UInt32, refresh: UInt32, retry: UInt32, expire: UInt32, minimum: UInt32
    ) {
        self.primary = primary
        self.mailbox = mailbox
        self.serial = serial
        self.refresh = refresh
        self.retry = retry
        self.expire = expire
        self.minimum = minimum
    }
}

/// The OPT pseudo-record (EDNS, RFC 6891 §6.1).
package struct DNSOptions: Hashable, Sendable {
    /// The largest UDP answer that its sender takes. Octets.
    package var payloadSize: UInt16
    package var version: UInt8
    /// The upper eight bits of the response code.
    package var extendedCode: UInt8
    /// DO: wants signatures (RFC 3225).
    package var wantsSignatures: Bool
    /// The options themselves, not looked into.
    package var options: [UInt8]

    package init(
        payloadSize: UInt16, version: UInt8 = 0, extendedCode: UInt8 = 0, wantsSignatures: Bool = false, options: [UInt8] = []
    ) {
        self.payloadSize = payloadSize
        self.version = version
        self.extendedCode = extendedCode
        self.wantsSignatures = wantsSignatures
        self.options = options
    }
}
