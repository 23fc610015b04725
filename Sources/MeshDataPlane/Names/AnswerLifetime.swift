package import MeshProtocols

/// For how long an answer of an upstream may be remembered (RFC 1035 §3.2.1, RFC 2308). Pure.
package enum AnswerLifetime {
    /// Seconds; nil for what must not be kept. - Parameter message: without TC, with NOERROR or NXDOMAIN.
    package static func seconds(of message: DNSMessage, _ options: NameCacheOptions) -> UInt32? {
        let answers = message.answers.map { seconds($0.timeToLive) }.min()
        guard isNegative(message) else { return answers.map { min($0, options.maximumTimeToLive) } }
        // "There is none" without an SOA is not to be remembered (RFC 2308 §5).
        let negative = message.authority.compactMap { record -> UInt32? in
            guard case .soa(let soa) = record.data else { return nil }
            return min(seconds(record.timeToLive), seconds(soa.minimum))
        }.min()
        guard let negative else { return nil }
        return min(negative, answers ?? .max, options.maximumNegativeTimeToLive)
    }

    /// NXDOMAIN, or NODATA: no record of the type that was asked, at the end of the chain of aliases if there is one.
    package static func isNegative(_ message: DNSMessage) -> Bool {
        if message.header.responseCode == .noSuchName { return true }
        let type = message.question.type
        return !message.answers.contains { type == .any || $0.type == type }
    }

    /// Times with the highest bit set mean 0 (RFC 2181 §8).
    package static func seconds(_ timeToLive: UInt32) -> UInt32 { timeToLive > 0x7fff_ffff ? 0 : timeToLive }

    /// The message with times to live that our clients may go by: none beyond `bound`, and an SOA's that is no longer than its minimum.
    package static func bounded(_ message: DNSMessage, by bound: UInt32) -> DNSMessage {
        var message = message
        func bounded(_ record: DNSRecord) -> DNSRecord {
            var record = record
            record.timeToLive = min(seconds(record.timeToLive), bound)
            return record
        }
        message.answers = message.answers.map(bounded)
        message.authority = message.authority.map(bounded)
        message.additional = message.additional.map(bounded)
        return message
    }
}
