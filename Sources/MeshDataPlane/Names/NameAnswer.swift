internal import MeshProtocols
internal import MeshTypes

/// The messages that the node writes itself.
enum NameAnswer {
    /// What we take over UDP ourselves, and say so: fits any path without fragments (DNS flag day 2020).
    static let ourPayload: UInt16 = 1232

    /// The answer to a question about the mesh; nil if it is for others.
    static func make(to query: DNSMessage, _ resolution: NameTable.Resolution, zone: DNSName, timeToLive: UInt32) -> DNSMessage? {
        let name = query.question.name
        var reply: DNSMessage
        switch resolution {
        case .notOurs: return nil
        case .noSuchName: reply = start(query, .noSuchName)
        case .emptyName: reply = start(query, .noError)
        case .addresses(let v4, let v6):
            reply = start(query, .noError)
            let wanted = query.question.type
            if let v4, wanted == .a || wanted == .any {
                reply.answers.append(DNSRecord(name: name, timeToLive: timeToLive, data: .a(v4)))
            }
            if let v6, wanted == .aaaa || wanted == .any {
                reply.answers.append(DNSRecord(name: name, timeToLive: timeToLive, data: .aaaa(v6)))
            }
        }
        if reply.answers.isEmpty { reply.authority.append(authority(over: name, zone: zone, timeToLive: timeToLive)) }
        return reply
    }

    /// The answer without records to any query that was understood.
    static func failure(_ code: DNSResponseCode, to query: DNSMessage) -> DNSMessage { start(query, code, authoritative: false) }

    /// BADVERS: we know version 0 of EDNS only (RFC 6891 §6.1.3).
    static func badVersion(to query: DNSMessage) -> DNSMessage {
        var reply = failure(.noError, to: query)
        reply.options?.extendedCode = 1
        return reply
    }

    /// FORMERR to what has a header at least; nil if that too is missing, or if it is an answer.
    static func formatError(to bytes: [UInt8]) -> [UInt8]? {
        guard bytes.count >= DNSHeader.length else { return nil }
        let header = DNSHeader(id: UInt16(bytes[0]) << 8 | UInt16(bytes[1]), flags: UInt16(bytes[2]) << 8 | UInt16(bytes[3]))
        guard !header.isResponse else { return nil }
        let answer = header.answering(.formatError)
        return [UInt8(answer.id >> 8), UInt8(answer.id & 255), UInt8(answer.flags >> 8), UInt8(answer.flags & 255)]
            + [UInt8](repeating: 0, count: 8)
    }

    /// How many octets a UDP answer may have.
    static func payloadLimit(of query: DNSMessage) -> Int {
        max(DNSMessage.plainPayload, Int(query.options?.payloadSize ?? 0))
    }

    private static func start(_ query: DNSMessage, _ code: DNSResponseCode, authoritative: Bool = true) -> DNSMessage {
        var reply = DNSMessage(header: query.header.answering(code, authoritative: authoritative), question: query.question)
        if query.options != nil { reply.options = DNSOptions(payloadSize: ourPayload) }
        return reply
    }

    /// Negative answers carry the zone's SOA, whose minimum says for how long (RFC 2308 §3).
    private static func authority(over name: DNSName, zone: DNSName, timeToLive: UInt32) -> DNSRecord {
        let isWithin = name.labels.suffix(zone.labels.count).elementsEqual(zone.labels) { $0.elementsEqual($1) }
        let owner = isWithin ? zone : name
        return DNSRecord(
            name: owner, timeToLive: timeToLive,
            data: .soa(
                StartOfAuthority(
                    primary: owner, mailbox: owner, serial: 1, refresh: 3_600, retry: 600, expire: 86_400, minimum: timeToLive)))
    }
}
