internal import MeshProtocols
internal import MeshTypes

/// The messages that the node writes itself.
enum NameAnswer {
    /// What we take over UDP ourselves, and say so: fits any path without fragments (DNS flag day 2020).
    static let ourPayload: UInt16 = 1232
    /// What we send over UDP at most, whatever the client says that it takes.
    static let largestPayload = 4096

    /// Why an answer is what it is, for clients with EDNS (RFC 8914 §4).
    enum Explanation: UInt16 {
        case stale = 3
        case notReady = 14
        /// By the policy of whoever runs the mesh.
        case blocked = 15
        case notSupported = 21
        case noUpstream = 22
        /// Over one of our bounds.
        case overloaded = 0

        var text: String {
            switch self {
            case .stale: "no upstream answers; this answer has run out"
            case .notReady: "the node has not read its registry yet"
            case .blocked: "the policy of this service does not let it ask for this name"
            case .notSupported: "not answered here"
            case .noUpstream: "no upstream answered"
            case .overloaded: "too many queries wait for an answer"
            }
        }
    }

    /// The answer to a question about the mesh; nil if it is for others.
    static func make(to query: DNSMessage, _ resolution: NameTable.Resolution, table: NameTable, timeToLive: UInt32) -> DNSMessage? {
        let name = query.question.name
        let wanted = query.question.type
        var reply = start(query, .noError)
        switch resolution {
        case .notOurs: return nil
        case .noSuchName, .hidden: reply.header.responseCode = .noSuchName
        case .emptyName:
            let authority = authority(over: name, table, timeToLive: timeToLive)
            if authority.name == name, wanted == .soa || wanted == .any { reply.answers = [authority] }
        case .addresses(let v4, let v6):
            reply.answers = addresses(of: name, wanted == .aaaa ? nil : v4, wanted == .a ? nil : v6, timeToLive)
            if ![.a, .aaaa, .any].contains(wanted) { reply.answers = [] }
        case .location(let port, let target, let v4, let v6):
            guard wanted == .srv || wanted == .any else { break }
            reply.answers = [
                DNSRecord(name: name, timeToLive: timeToLive, data: .srv(priority: 0, weight: 100, port: port, target: target))
            ]
            reply.additional = addresses(of: target, v4, v6, timeToLive)
        case .pointer(let target):
            guard wanted == .ptr || wanted == .any else { break }
            reply.answers = [.pointer(name, to: target, timeToLive: timeToLive)]
        }
        if reply.answers.isEmpty { reply.authority.append(authority(over: name, table, timeToLive: timeToLive)) }
        return reply
    }

    private static func addresses(of name: DNSName, _ v4: IPAddress?, _ v6: IPAddress?, _ timeToLive: UInt32) -> [DNSRecord] {
        var records: [DNSRecord] = []
        if let v4 { records.append(DNSRecord(name: name, timeToLive: timeToLive, data: .a(v4))) }
        if let v6 { records.append(DNSRecord(name: name, timeToLive: timeToLive, data: .aaaa(v6))) }
        return records
    }

    /// The answer without records to any query that was understood.
    static func failure(_ code: DNSResponseCode, to query: DNSMessage, _ explanation: Explanation? = nil) -> DNSMessage {
        var reply = start(query, code, authoritative: false)
        if let explanation { reply.options = options(for: query, explanation) }
        return reply
    }

    /// NXDOMAIN to who asks for a name that is not listed: resolvers go on to the next search domain and programs fail at once, while REFUSED makes
    /// some ask again and others wait until they give up. It has no SOA, so nobody remembers it, and takes nothing for granted below the name.
    static func refusal(_ refusal: NameRefusal, of query: DNSMessage) -> DNSMessage {
        switch refusal {
        case .notListed, .random: failure(.noSuchName, to: query, .blocked)
        case .type: failure(.refused, to: query, .blocked)
        case .rate, .information: failure(.serverFailure, to: query, .overloaded)
        }
    }

    /// BADVERS: we know version 0 of EDNS only (RFC 6891 §6.1.3).
    static func badVersion(to query: DNSMessage) -> DNSMessage {
        var reply = failure(.noError, to: query)
        reply.options?.extendedCode = 1
        return reply
    }

    /// "Ask over TCP."
    static func truncated(to query: DNSMessage) -> DNSMessage {
        var reply = failure(.noError, to: query)
        reply.header.isTruncated = true
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
        min(largestPayload, max(DNSMessage.plainPayload, Int(query.options?.payloadSize ?? 0)))
    }

    /// What we say of ourselves to who speaks EDNS; the bit DO goes back as it came (RFC 3225 §3).
    static func options(for query: DNSMessage, _ explanation: Explanation? = nil) -> DNSOptions? {
        guard let asked = query.options else { return nil }
        var options = DNSOptions(payloadSize: ourPayload, wantsSignatures: asked.wantsSignatures)
        if let explanation {
            let text = Array(explanation.text.utf8)
            let length = UInt16(text.count + 2)
            options.options = [0, 15, UInt8(length >> 8), UInt8(length & 255), 0, UInt8(explanation.rawValue)] + text
        }
        return options
    }

    private static func start(_ query: DNSMessage, _ code: DNSResponseCode, authoritative: Bool = true) -> DNSMessage {
        var reply = DNSMessage(header: query.header.answering(code, authoritative: authoritative), question: query.question)
        reply.options = options(for: query)
        return reply
    }

    /// Negative answers carry the zone's SOA, whose minimum says for how long (RFC 2308 §3).
    private static func authority(over name: DNSName, _ table: NameTable, timeToLive: UInt32) -> DNSRecord {
        let owner = table.authority(over: name)
        return DNSRecord(
            name: owner, timeToLive: timeToLive,
            data: .soa(
                StartOfAuthority(
                    primary: owner, mailbox: owner, serial: 1, refresh: 3_600, retry: 600, expire: 86_400, minimum: timeToLive)))
    }
}
