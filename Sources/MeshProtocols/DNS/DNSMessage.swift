/// A DNS message with its one question (RFC 1035 §4).
package struct DNSMessage: Hashable, Sendable {
    /// In all sections together; more is refused.
    package static let maximumRecords = 512
    /// What a UDP answer may hold for a client that says nothing of EDNS (RFC 1035 §4.2.1).
    package static let plainPayload = 512
    /// Of any message (the length prefix of TCP, §4.2.2).
    package static let maximumLength = 65_535

    package var header: DNSHeader
    package var question: DNSQuestion
    package var answers: [DNSRecord] = []
    package var authority: [DNSRecord] = []
    package var additional: [DNSRecord] = []
    package var options: DNSOptions?

    package init(header: DNSHeader, question: DNSQuestion) {
        self.header = header
        self.question = question
    }

    /// Reads a message; what stands behind its last record is ignored.
    package init(_ bytes: [UInt8]) throws(DNSError) {
        var reader = DNSReader(bytes)
        header = DNSHeader(id: try reader.short(), flags: try reader.short())
        let (questions, answerCount) = (try reader.short(), Int(try reader.short()))
        let (authorityCount, additionalCount) = (Int(try reader.short()), Int(try reader.short()))
        guard questions == 1, answerCount + authorityCount + additionalCount <= Self.maximumRecords else { throw .counts }
        question = try reader.question()
        for _ in 0..<answerCount { answers.append(try Self.record(&reader)) }
        for _ in 0..<authorityCount { authority.append(try Self.record(&reader)) }
        for _ in 0..<additionalCount {
            switch try reader.entry() {
            case .record(let record): additional.append(record)
            case .options(let found):
                guard options == nil else { throw .options }
                options = found
            }
        }
    }

    private static func record(_ reader: inout DNSReader) throws(DNSError) -> DNSRecord {
        guard case .record(let record) = try reader.entry() else { throw .options }
        return record
    }

    /// Header and question only: all that a forwarder needs of an answer. nil if there is not exactly one question, or none that reads.
    package static func opening(of bytes: [UInt8]) -> (header: DNSHeader, question: DNSQuestion)? {
        var reader = DNSReader(bytes)
        guard let id = try? reader.short(), let flags = try? reader.short(), (try? reader.short()) == 1,
            (try? reader.take(6)) != nil, let question = try? reader.question()
        else { return nil }
        return (DNSHeader(id: id, flags: flags), question)
    }

    /// The message, at most `limit` octets. What only adds to an answer is left out first; an answer that is longer still goes without its
    /// records and with TC set (RFC 2181 §9).
    package func encoded(limit: Int = maximumLength) -> [UInt8] {
        let whole = encoded(header, answers, authority, additional)
        if whole.count <= limit { return whole }
        if !additional.isEmpty {
            let bare = encoded(header, answers, authority, [])
            if bare.count <= limit { return bare }
        }
        var cut = header
        cut.isTruncated = true
        return encoded(cut, [], [], [])
    }

    private func encoded(
        _ header: DNSHeader, _ answers: [DNSRecord], _ authority: [DNSRecord], _ additional: [DNSRecord]
    ) -> [UInt8] {
        var writer = DNSWriter()
        writer.short(header.id)
        writer.short(header.flags)
        writer.short(1)
        writer.short(UInt16(answers.count))
        writer.short(UInt16(authority.count))
        writer.short(UInt16(additional.count + (options == nil ? 0 : 1)))
        writer.question(question)
        for record in answers { writer.record(record) }
        for record in authority { writer.record(record) }
        for record in additional { writer.record(record) }
        if let options { writer.options(options) }
        return writer.bytes
    }
}
