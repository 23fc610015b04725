internal import MeshDataPlane
internal import MeshProtocols

/// A DNS message that is read can be written and read again as the same; what is kept of it and sent to others says the same and is no longer
/// than they take; a stream of messages gives the same ones however it is cut.
enum MessageProperty {
    static func complaint(_ bytes: UnsafeRawBufferPointer) -> String? {
        let all = Array(bytes)
        return messageComplaint(all) ?? streamComplaint(bytes)
    }

    private static func messageComplaint(_ bytes: [UInt8]) -> String? {
        let opening = DNSMessage.opening(of: bytes)
        guard let message = try? DNSMessage(bytes) else { return nil }
        guard let opening, opening.question == message.question else { return "the opening has another question" }
        let again = message.encoded()
        if again.count > DNSMessage.maximumLength { return "\(again.count) bytes were written" }
        guard let second = try? DNSMessage(again) else { return "what was written is refused" }
        if second.question != message.question { return "another question" }
        if second.options != message.options { return "other options" }
        // Names without compression may need more than there is.
        let isWhole = second.answers.count == message.answers.count && second.additional.count == message.additional.count
        if isWhole, second.answers != message.answers || second.authority != message.authority || second.additional != message.additional {
            return "other records"
        }
        return answerComplaint(message, bytes)
    }

    /// As an upstream's answer.
    private static func answerComplaint(_ message: DNSMessage, _ bytes: [UInt8]) -> String? {
        let question = UpstreamQuestion(message.question, id: message.header.id, spelling: nil, usesEDNS: true, wishes: .init())
        if case .answer(let taken) = question.verdict(on: bytes), taken != message { return "another answer was taken" }
        let kept = RelevantRecords.only(message, wantsSignatures: false)
        if !Set(kept.answers).isSubset(of: message.answers) { return "a record was made up" }
        if let lifetime = AnswerLifetime.seconds(of: kept, NameCacheOptions()), lifetime > NameCacheOptions().maximumTimeToLive {
            return "it would be kept for ever"
        }
        guard let image = DNSImage(kept) else { return nil }
        for limit in [512, 1232, DNSMessage.maximumLength] {
            let asker = DNSImage.Asker(query: message, limit: limit, options: DNSOptions(payloadSize: 1232), isVerified: false)
            let reply = image.reply(to: asker, age: .fresh(seconds: 0))
            if reply.count > limit { return "\(reply.count) bytes for \(limit)" }
            guard let read = try? DNSMessage(reply) else { return "what is sent on is refused" }
            if read.question != message.question || read.options?.payloadSize != 1232 { return "another question, or no options" }
            if !read.header.isTruncated, read.answers != kept.answers || read.authority != kept.authority {
                return "other records are sent on"
            }
        }
        return nil
    }

    private static func streamComplaint(_ bytes: UnsafeRawBufferPointer) -> String? {
        var whole = DNSStream()
        whole.append(bytes)
        var messages: [[UInt8]] = []
        while let message = whole.next() { messages.append(message) }
        var cut = DNSStream()
        var found: [[UInt8]] = []
        for piece in Cuts(bytes, longest: 20) {
            cut.append(bytes.slice(piece))
            while let message = cut.next() { found.append(message) }
        }
        return found == messages && cut.pending == whole.pending ? nil : "other messages in pieces"
    }
}
