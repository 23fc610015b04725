import MeshProtocols
import Testing

/// Records whose names may be compressed are read, so that they can be sent in another message (RFC 3597 §4).
struct DNSRecordLayoutTests {
    /// The question `wallet`, and a record whose data ends with a pointer to that.
    private static func message(_ type: UInt8, _ before: [UInt8], pointers: Int = 1, after: [UInt8] = []) -> [UInt8] {
        let question: [UInt8] = [6, 0x77, 0x61, 0x6c, 0x6c, 0x65, 0x74, 0, 0, type, 0, 1]
        let data = before + (0..<pointers).flatMap { _ in [0xc0, 12] as [UInt8] } + after
        return Messages.header(answers: 1) + question + [0xc0, 12, 0, type, 0, 1, 0, 0, 0, 9, 0, UInt8(data.count)] + data
    }

    @Test(
        arguments: [
            (2, [], 1), (12, [], 1), (39, [], 1), (14, [], 2), (17, [], 2), (15, [0, 10], 1), (18, [0, 1], 1), (26, [0, 1], 2),
            (35, [0, 1, 0, 2, 1, 0x73, 0, 2, 0x61, 0x62], 1),
        ] as [(UInt8, [UInt8], Int)])
    func namesSurviveAnotherMessage(_ type: UInt8, _ before: [UInt8], _ count: Int) throws {
        let message = try DNSMessage(Self.message(type, before, pointers: count))
        let wallet = Messages.name("wallet")
        #expect(
            message.answers.map(\.data) == [
                .named(DNSType(rawValue: UInt16(type)), before: before, .init(repeating: wallet, count: count), after: [])
            ])
        var other = Messages.query("another.name.example")
        other.answers = message.answers
        #expect(try DNSMessage(other.encoded()).answers == message.answers)
    }

    @Test func dataThatEndsWithinANameIsRefused() {
        var bytes = Self.message(15, [0, 10])
        bytes.removeLast(2)
        bytes[bytes.count - 3] = 2
        #expect(throws: DNSError.self) { try DNSMessage(bytes) }
    }

    @Test func whatOnlyAddsIsLeftOutBeforeTheAnswerIs() throws {
        var message = Messages.answer
        let bare = {
            message.additional = []; return message.encoded().count
        }()
        message = Messages.answer
        let reply = try DNSMessage(message.encoded(limit: bare))
        #expect(!reply.header.isTruncated && reply.additional.isEmpty && reply.answers == message.answers)
        #expect(try DNSMessage(message.encoded(limit: bare - 1)).header.isTruncated)
    }
}
