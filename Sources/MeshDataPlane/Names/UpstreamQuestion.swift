package import MeshProtocols

/// One question to one upstream: what goes out, and whether what comes back answers it. Pure.
///
/// Whoever wants to answer in the upstream's stead must guess the number, the port of the socket, and the spelling (RFC 5452, and the draft
/// of "0x20").
package struct UpstreamQuestion {
    /// What the client wants beside its question.
    package struct Wishes: Hashable, Sendable {
        package var wantsSignatures = false
        package var checkingDisabled = false
        /// Whether the answer was verified is of interest.
        package var asksVerification = false

        package init(wantsSignatures: Bool = false, checkingDisabled: Bool = false, asksVerification: Bool = false) {
            self.wantsSignatures = wantsSignatures
            self.checkingDisabled = checkingDisabled
            self.asksVerification = asksVerification
        }
    }

    package enum Verdict {
        case answer(DNSMessage)
        case truncated
        /// It does not understand EDNS.
        case wantsNoEDNS
        /// Ours, but spelled otherwise than we wrote it.
        case respelled
        /// It will not say, or what it says cannot be read.
        case refused(DNSResponseCode)
        case unreadable
        /// Not an answer to this question.
        case foreign
    }

    package let id: UInt16
    package let message: DNSMessage
    package let wire: [UInt8]

    /// - Parameters:
    ///   - spelling: bits by which letters are written small or large; nil: as `question` has them.
    package init(_ question: DNSQuestion, id: UInt16, spelling: UInt64?, usesEDNS: Bool, wishes: Wishes) {
        self.id = id
        var question = question
        if let spelling { question.name = question.name.spelled(by: spelling) }
        var message = DNSMessage(header: DNSHeader(id: id), question: question)
        message.header.recursionDesired = true
        message.header.checkingDisabled = wishes.checkingDisabled
        message.header.isVerified = wishes.asksVerification
        if usesEDNS {
            message.options = DNSOptions(payloadSize: NameAnswer.ourPayload, wantsSignatures: wishes.wantsSignatures)
        }
        self.message = message
        wire = message.encoded()
    }

    /// - Parameter takesAnySpelling: the way that it came cannot be forged.
    package func verdict(on bytes: [UInt8], takesAnySpelling: Bool = false) -> Verdict {
        guard let (header, question) = DNSMessage.opening(of: bytes) else { return isBareComplaint(bytes) ? .wantsNoEDNS : .foreign }
        guard header.isResponse, header.opcode == 0, header.id == id, question == message.question else { return .foreign }
        guard takesAnySpelling || question.name.wire == message.question.name.wire else { return .respelled }
        let hasEDNS = message.options != nil
        if hasEDNS, header.responseCode == .formatError || header.responseCode == .notImplemented { return .wantsNoEDNS }
        if header.isTruncated { return .truncated }
        guard let answer = try? DNSMessage(bytes) else { return .unreadable }
        guard answer.options?.extendedCode ?? 0 == 0 else { return hasEDNS ? .wantsNoEDNS : .refused(.serverFailure) }
        switch header.responseCode {
        case .noError, .noSuchName: return .answer(answer)
        default: return .refused(header.responseCode)
        }
    }

    /// FORMERR without the question, as old servers say when they meet an OPT record.
    private func isBareComplaint(_ bytes: [UInt8]) -> Bool {
        guard message.options != nil, bytes.count == DNSHeader.length else { return false }
        let header = DNSHeader(id: UInt16(bytes[0]) << 8 | UInt16(bytes[1]), flags: UInt16(bytes[2]) << 8 | UInt16(bytes[3]))
        return header.isResponse && header.id == id && header.responseCode == .formatError
    }
}
