internal import MeshTypes

/// Writes a message; names that were written before are pointed to (RFC 1035 §4.1.4).
struct DNSWriter {
    private(set) var bytes: [UInt8] = []
    /// Where labels of written names stand that a pointer reaches: so many that comparing with all costs little.
    private var places: [Int] = []
    /// Where the times to live of the records stand.
    private(set) var lifetimes: [Int] = []
    private static let pointerReach = 0x4000
    private static let maximumPlaces = 64

    init() { bytes.reserveCapacity(DNSMessage.plainPayload) }

    mutating func short(_ value: UInt16) {
        bytes.append(UInt8(value >> 8))
        bytes.append(UInt8(value & 255))
    }
    mutating func word(_ value: UInt32) {
        short(UInt16(value >> 16))
        short(UInt16(value & 0xffff))
    }

    mutating func name(_ name: DNSName, compress: Bool = true) {
        let wire = name.wire
        var at = 0
        while wire[at] != 0 {
            if compress, let place = places.first(where: { isWritten(wire, from: at, at: $0) }) {
                short(0xc000 | UInt16(place))
                return
            }
            if bytes.count < Self.pointerReach, places.count < Self.maximumPlaces { places.append(bytes.count) }
            let next = at + 1 + Int(wire[at])
            bytes += wire[at..<next]
            at = next
        }
        bytes.append(0)
    }

    /// Whether what `wire` has from `start` on stands in the message at `place`, pointers followed. Those that we wrote end.
    private func isWritten(_ wire: [UInt8], from start: Int, at place: Int) -> Bool {
        var (from, place) = (start, place)
        while place < bytes.count {
            if bytes[place] >= 0xc0 {
                guard place + 1 < bytes.count else { return false }
                place = Int(bytes[place] & 0x3f) << 8 | Int(bytes[place + 1])
                continue
            }
            let length = Int(wire[from])
            guard Int(bytes[place]) == length else { return false }
            if length == 0 { return true }
            guard place + length < bytes.count else { return false }
            for index in 1...length where DNSName.folded(wire[from + index]) != DNSName.folded(bytes[place + index]) { return false }
            from += 1 + length
            place += 1 + length
        }
        return false
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
        lifetimes.append(bytes.count)
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
        case .named(_, let before, let names, let after):
            bytes += before
            for target in names { name(target, compress: false) }  // RFC 3597 §4
            bytes += after
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
