package import MeshProtocols

/// What of an upstream's answer has to do with the question; the rest is not passed on (RFC 5452 §6). Pure.
package enum RelevantRecords {
    /// Aliases that are followed; real chains have a few.
    package static let longestChain = 16

    package static func only(_ message: DNSMessage, wantsSignatures: Bool) -> DNSMessage {
        var message = message
        let names = chain(message)
        message.answers = message.answers.filter { record in
            // DNAME stands above the name that it redirects (RFC 6672), with its signature.
            names.contains(record.name)
                || [.dname, .rrsig].contains(record.type) && names.contains { $0.isWithin(record.name) }
        }
        message.authority = message.authority.filter { record in
            switch record.type {
            case .soa, .ns: names.contains { $0.isWithin(record.name) }
            default: wantsSignatures
            }
        }
        let targets = Set(message.answers.flatMap(targets) + message.authority.flatMap(targets))
        message.additional = message.additional.filter {
            [.a, .aaaa].contains($0.type) && targets.contains($0.name)
                || wantsSignatures && $0.type == .rrsig && targets.contains($0.name)
        }
        message.options = nil
        return message
    }

    /// The name that was asked and those that it is an alias of.
    private static func chain(_ message: DNSMessage) -> Set<DNSName> {
        var names: Set<DNSName> = [message.question.name]
        for _ in 0..<longestChain {
            let before = names.count
            for record in message.answers where names.contains(record.name) {
                if case .cname(let target) = record.data { names.insert(target) }
            }
            if names.count == before { break }
        }
        return names
    }

    /// The names whose addresses it helps to know.
    private static func targets(_ record: DNSRecord) -> [DNSName] {
        switch record.data {
        case .srv(_, _, _, let target): [target]
        case .named(let type, _, let names, _) where [.ns, .mx].contains(type): names
        case .a, .aaaa, .cname, .soa, .named, .other: []
        }
    }
}
