import MeshProtocols
import Testing

/// Messages as a whole: RFC 1035 §4.1, truncation (RFC 2181 §9), EDNS (RFC 6891).
struct DNSMessageTests {
    @Test func writesAQueryAsTheRFCLaysItOut() {
        let expected: [UInt8] = [0x12, 0x34, 0x01, 0, 0, 1, 0, 0, 0, 0, 0, 0, 3, 0x6e, 0x73, 0x31, 2, 0x64, 0x65, 0, 0, 1, 0, 1]
        #expect(Messages.query("ns1.de").encoded() == expected)
    }

    @Test func readsWhatItWrites() throws {
        let bytes = Messages.answer.encoded()
        #expect(try DNSMessage(bytes) == Messages.answer)
        #expect(try DNSMessage(bytes).options?.wantsSignatures == true)
    }

    @Test func pointsToNamesThatWereWritten() {
        let name = Array(Messages.answer.question.name.wire)
        let bytes = Messages.answer.encoded()
        let places = (0...bytes.count - name.count).filter { bytes[$0..<$0 + name.count].elementsEqual(name) }
        // The question, and the target of SRV, which is never compressed (RFC 2782).
        #expect(places.count == 2)
    }

    @Test func answersUnderTheQuerysNumberAndFlags() {
        var header = DNSHeader(id: 7, flags: 0x0130)  // RD, AD and CD
        header = header.answering(.noSuchName, authoritative: true)
        #expect(header.id == 7)
        #expect(header.isResponse && header.isAuthoritative && header.recursionDesired && header.recursionAvailable)
        #expect(!header.isTruncated)
        #expect(header.responseCode == .noSuchName)
        #expect(header.opcode == 0)
    }

    @Test func cutsWhatIsLongerThanTheLimitAndSaysSo() throws {
        var message = Messages.answer
        let whole = message.encoded()
        #expect(message.encoded(limit: whole.count) == whole)
        let cut = try DNSMessage(message.encoded(limit: whole.count / 2))
        #expect(cut.header.isTruncated)
        #expect(cut.answers.isEmpty && cut.authority.isEmpty && cut.additional.isEmpty)
        #expect(cut.question == message.question)
        #expect(cut.options == message.options)
        message.answers = Array(repeating: message.answers[1], count: 100)
        #expect(message.encoded(limit: DNSMessage.plainPayload).count <= DNSMessage.plainPayload)
    }

    @Test(arguments: [0, 2, 255] as [UInt8]) func refusesOtherThanOneQuestion(_ count: UInt8) {
        let bytes = Messages.header(questions: count) + [0, 0, 1, 0, 1] + [0, 0, 1, 0, 1]
        #expect(throws: DNSError.counts) { try DNSMessage(bytes) }
        #expect(DNSMessage.opening(of: bytes) == nil)
    }

    @Test func refusesMoreRecordsThanTheBound() {
        var message = Messages.query("a")
        let record = DNSRecord(name: .root, timeToLive: 0, data: .other(DNSType(rawValue: 16), []))
        message.answers = Array(repeating: record, count: DNSMessage.maximumRecords)
        #expect(throws: Never.self) { try DNSMessage(message.encoded()) }
        message.additional = [record]
        #expect(throws: DNSError.counts) { try DNSMessage(message.encoded()) }
    }

    /// A record of the given type whose data is `data`, behind a question for the root.
    private func message(type: UInt8, length: UInt8? = nil, _ data: [UInt8], owner: [UInt8] = [0]) -> [UInt8] {
        var bytes = Messages.header(answers: 1)
        bytes += [0, 0, 1, 0, 1] as [UInt8]
        bytes += owner
        bytes += [0, type, 0, 1, 0, 0, 0, 0, 0, length ?? UInt8(data.count)] as [UInt8]
        return bytes + data
    }

    @Test func refusesDataThatDoesNotFitItsType() {
        for bytes in [
            message(type: 1, [1, 2, 3]), message(type: 1, [1, 2, 3, 4, 5]), message(type: 28, [1, 2, 3, 4]),
            message(type: 5, [0, 0]), message(type: 33, length: 6, [0, 0, 0, 0, 0, 0, 0]),
        ] {
            #expect(throws: DNSError.recordData) { try DNSMessage(bytes) }
        }
        #expect(throws: DNSError.truncated) { try DNSMessage(message(type: 16, length: 5, [1, 2, 3, 4])) }
    }

    @Test func takesOneOptionsRecordAtTheRootAmongTheAdditional() throws {
        let option: [UInt8] = [0, 0, 41, 0x04, 0xd0, 0, 0, 0x80, 0, 0, 0]
        let question: [UInt8] = [0, 0, 1, 0, 1]
        let message = try DNSMessage(Messages.header(additional: 1) + question + option)
        #expect(message.options == DNSOptions(payloadSize: 1232, wantsSignatures: true))
        #expect(throws: DNSError.options) { try DNSMessage(Messages.header(additional: 2) + question + option + option) }
        #expect(throws: DNSError.options) { try DNSMessage(Messages.header(answers: 1) + question + option) }
        let owned = [1, 0x61] + option
        #expect(throws: DNSError.options) { try DNSMessage(Messages.header(additional: 1) + question + owned) }
    }

    @Test func readsTheOpeningOfWhatItWouldNotReadWhole() throws {
        let bytes = Messages.query("wallet").encoded() + [1, 2, 3]
        let opening = try #require(DNSMessage.opening(of: bytes))
        #expect(opening.header.id == 0x1234)
        #expect(opening.question == Messages.query("wallet").question)
    }

    // MARK: TCP

    @Test func findsMessagesInAStreamHoweverItIsCut() {
        let messages = [Messages.query("a").encoded(), [], Messages.answer.encoded()]
        let bytes = messages.flatMap(DNSStream.framed)
        for size in [1, 2, 3, 7, bytes.count] {
            var stream = DNSStream()
            var found: [[UInt8]] = []
            for start in stride(from: 0, to: bytes.count, by: size) {
                bytes[start..<min(start + size, bytes.count)].withUnsafeBytes { stream.append($0) }
                while let message = stream.next() { found.append(message) }
            }
            #expect(found == messages)
            #expect(stream.pending == 0)
        }
    }
}
