internal import MeshTypes

/// Writes a message; names that were written before are pointed to (RFC 1035 §4.1.4).
struct DNSWriter {
    private(set) var bytes: [UInt8] = []
    /// Where each suffix stands, for those that a pointer reaches.
    private var suffixes: [DNSName: Int] = [:]
    private static let pointerReach = 0x4000

    mutating func short(_ value: UInt16) { bytes += [UInt8(value >> 8), UInt8(value & 255)] }
    mutating func word(_ value: UInt32) {
        short(UInt16(value >> 16))
        short(UInt16(value & 0xffff))
    }

    mutating func name(_ name: DNSName, compress: Bool = true) {
        var rest = name.wire[...]
        while rest.first != 0 {
            let suffix = DNSName(wire: Array(rest))
            if compress, let place = suffixes[suffix] {
                short(0xc000 | UInt16(place))
                return
            }
            if bytes.count < Self.pointerReach, suffixes[suffix] == nil { suffixes[suffix] = bytes.count }
            let length = 1 + Int(rest.first!)
            bytes += rest.prefix(length)
            rest = rest.dropFirst(length)
        }
        bytes.append(0)
    }

    mutating func question(_ question: DNSQuestion) {
        name(question.name)
        short(question.type.rawValue)
        short(question.kind)
    }

    mutating func record(_ record: DNSRecord) {
        name(record.name)
        short(record.type.rawValue)
        short(record.kind)
        word(record.timeToLive)
        let place = bytes.count
        short(0)
        data(record.data)
        let length = UInt16(truncatingIfNeeded: bytes.count - place - 2)
        bytes[place] = UInt8(length >> 8)
        bytes[place + 1] = UInt8(length & 255)
    }

    private mutating func data(_ data: DNSRecord.Data) {
        switch data {
        case .a(let address): word(address.v4)
        case .aaaa(let address):
            for half in [address.high, address.low] {
                word(UInt32(half >> 32))
                word(UInt32(truncatingIfNeeded: half))
            }
        case .cname(let target): name(target)
        case .srv(let priority, let weight, let port, let target):
            short(priority)
            short(weight)
            short(port)
            name(target, compress: false)  // RFC 2782
        case .soa(let soa):
            name(soa.primary)
            name(soa.mailbox)
            for value in [soa.serial, soa.refresh, soa.retry, soa.expire, soa.minimum] { word(value) }
        case .other(_, let raw): bytes += raw
        }
    }

    mutating func options(_ options: DNSOptions) {
        bytes.append(0)
        short(DNSType.opt.rawValue)
        short(options.payloadSize)
        word(UInt32(options.extendedCode) << 24 | UInt32(options.version) << 16 | (options.wantsSignatures ? 0x8000 : 0))
        short(UInt16(truncatingIfNeeded: options.options.count))
        bytes += options.options
    }
}
