internal import MeshTypes

/// Reads a message from its start. Names may only point backwards, each pointer further than the last: loops cannot be.
package struct DNSReader {
    /// In one name: there are no more labels than that in 255 octets, so more pointers would point at pointers only.
    package static let maximumPointers = 127

    let bytes: [UInt8]
    package private(set) var offset = 0

    package init(_ bytes: [UInt8]) { self.bytes = bytes }

    package mutating func byte() throws(DNSError) -> UInt8 {
        guard offset < bytes.count else { throw .truncated }
        defer { offset += 1 }
        return bytes[offset]
    }

    package mutating func short() throws(DNSError) -> UInt16 { UInt16(try byte()) << 8 | UInt16(try byte()) }

    package mutating func word() throws(DNSError) -> UInt32 { UInt32(try short()) << 16 | UInt32(try short()) }

    package mutating func take(_ count: Int) throws(DNSError) -> [UInt8] {
        guard count <= bytes.count - offset else { throw .truncated }
        defer { offset += count }
        return Array(bytes[offset..<offset + count])
    }

    /// A name (RFC 1035 §4.1.4); the reader goes on behind it, or behind its first pointer.
    package mutating func name() throws(DNSError) -> DNSName {
        var wire: [UInt8] = []
        var at = offset
        var end: Int?
        var earliest = offset
        var pointers = 0
        while true {
            guard at < bytes.count else { throw .truncated }
            let length = Int(bytes[at])
            switch length >> 6 {
            case 0:
                guard at + 1 + length <= bytes.count else { throw .truncated }
                guard wire.count + 1 + length <= DNSName.maximumLength else { throw .nameTooLong }
                wire += bytes[at..<at + 1 + length]
                at += 1 + length
                if length == 0 {
                    offset = end ?? at
                    return DNSName(wire: wire)
                }
            case 3:
                guard at + 1 < bytes.count else { throw .truncated }
                let target = (length & 0x3f) << 8 | Int(bytes[at + 1])
                pointers += 1
                guard target < earliest, pointers <= Self.maximumPointers else { throw .pointer }
                if end == nil { end = at + 2 }
                earliest = target
                at = target
            default: throw .label
            }
        }
    }

    package mutating func question() throws(DNSError) -> DNSQuestion {
        DNSQuestion(name: try name(), type: DNSType(rawValue: try short()), kind: try short())
    }

    /// What a record is, before its data is understood.
    enum Entry {
        case record(DNSRecord)
        case options(DNSOptions)
    }

    mutating func entry() throws(DNSError) -> Entry {
        let owner = try name()
        let type = DNSType(rawValue: try short())
        let kind = try short()
        let ttl = try word()
        let length = Int(try short())
        guard length <= bytes.count - offset else { throw .truncated }
        let end = offset + length
        if type == .opt {
            guard owner == .root else { throw .options }
            return .options(
                DNSOptions(
                    payloadSize: kind, version: UInt8(ttl >> 16 & 255), extendedCode: UInt8(ttl >> 24),
                    wantsSignatures: ttl & 0x8000 != 0, options: try take(length)))
        }
        let data = try data(of: type, length: length)
        guard offset == end else { throw .recordData }
        return .record(DNSRecord(name: owner, kind: kind, timeToLive: ttl, data: data))
    }

    private mutating func data(of type: DNSType, length: Int) throws(DNSError) -> DNSRecord.Data {
        switch type {
        case .a:
            guard length == 4 else { throw .recordData }
            return .a(IPAddress(v4: try word()))
        case .aaaa:
            guard length == 16 else { throw .recordData }
            let (high, low) = (UInt64(try word()) << 32 | UInt64(try word()), UInt64(try word()) << 32 | UInt64(try word()))
            return .aaaa(IPAddress(high: high, low: low))
        case .cname: return .cname(try name())
        case .srv:
            return .srv(priority: try short(), weight: try short(), port: try short(), target: try name())
        case .soa:
            return .soa(
                StartOfAuthority(
                    primary: try name(), mailbox: try name(), serial: try word(), refresh: try word(), retry: try word(),
                    expire: try word(), minimum: try word()))
        default:
            guard let layout = DNSRecordLayout(of: type) else { return .other(type, try take(length)) }
            return try named(type, layout, length: length)
        }
    }

    private mutating func named(_ type: DNSType, _ layout: DNSRecordLayout, length: Int) throws(DNSError) -> DNSRecord.Data {
        let end = offset + length
        let start = offset
        _ = try take(layout.octets)
        for _ in 0..<layout.strings { _ = try take(Int(try byte())) }
        let before = Array(bytes[start..<offset])
        var names: [DNSName] = []
        for _ in 0..<layout.names { names.append(try name()) }
        guard offset <= end else { throw .recordData }
        return .named(type, before: before, names, after: try take(end - offset))
    }
}
