import MeshDataPlane
import MeshProtocols
import MeshTypes
import Testing

/// What goes out to an upstream, and what is taken for its answer (RFC 5452).
struct UpstreamQuestionTests {
    private static let name = DNSName("www.example.com")!

    private static func question(
        edns: Bool = true, spelling: UInt64? = 0b1_0110_0101, wishes: UpstreamQuestion.Wishes = .init()
    ) -> UpstreamQuestion {
        UpstreamQuestion(DNSQuestion(name: name, type: .a), id: 77, spelling: spelling, usesEDNS: edns, wishes: wishes)
    }

    private static func reply(_ question: UpstreamQuestion, _ adapt: (inout DNSMessage) -> Void = { _ in }) -> [UInt8] {
        var reply = DNSMessage(header: question.message.header.answering(.noError), question: question.message.question)
        reply.answers = [DNSRecord(name: name, timeToLive: 60, data: .a(IPAddress("192.0.2.1")!))]
        adapt(&reply)
        return reply.encoded()
    }

    private static func verdict(_ question: UpstreamQuestion, anySpelling: Bool = false, _ adapt: (inout DNSMessage) -> Void) -> String {
        switch question.verdict(on: reply(question, adapt), takesAnySpelling: anySpelling) {
        case .answer: "answer"
        case .truncated: "truncated"
        case .wantsNoEDNS: "no edns"
        case .respelled: "respelled"
        case .refused(let code): "refused \(code.rawValue)"
        case .unreadable: "unreadable"
        case .foreign: "foreign"
        }
    }

    @Test func saysWhatTheClientWantsAndNothingOfTheClient() throws {
        let plain = try DNSMessage(Self.question(edns: false).wire)
        #expect(plain.header.recursionDesired && !plain.header.checkingDisabled && !plain.header.isVerified && plain.options == nil)
        let wishes = UpstreamQuestion.Wishes(wantsSignatures: true, checkingDisabled: true, asksVerification: true)
        let signed = try DNSMessage(Self.question(wishes: wishes).wire)
        #expect(signed.header.checkingDisabled && signed.header.isVerified)
        #expect(signed.options == DNSOptions(payloadSize: 1232, wantsSignatures: true))
        #expect(signed.question.name == Self.name && signed.question.name.wire != Self.name.wire)
        #expect(signed.header.id == 77)
    }

    @Test func takesOnlyWhatAnswersIt() {
        let question = Self.question()
        let cases: [(String, (inout DNSMessage) -> Void)] = [
            ("answer", { _ in }), ("answer", { $0.header.responseCode = .noSuchName }),
            ("foreign", { $0.header.id = 78 }), ("foreign", { $0.header.isResponse = false }),
            ("foreign", { $0.question.name = DNSName("www.example.net")! }), ("foreign", { $0.question.type = .aaaa }),
            ("foreign", { $0.question.kind = 3 }), ("foreign", { $0.header.flags |= 2 << 11 }),
            ("respelled", { $0.question.name = Self.name }), ("truncated", { $0.header.isTruncated = true }),
            ("refused 2", { $0.header.responseCode = .serverFailure }), ("refused 5", { $0.header.responseCode = .refused }),
            ("no edns", { $0.header.responseCode = .formatError }), ("no edns", { $0.header.responseCode = .notImplemented }),
            ("no edns", { $0.options = DNSOptions(payloadSize: 512, extendedCode: 1) }),
        ]
        for (index, (expected, adapt)) in cases.enumerated() { #expect(Self.verdict(question, adapt) == expected, "case \(index)") }
        #expect(Self.verdict(question, anySpelling: true) { $0.question.name = Self.name } == "answer")
        #expect(Self.verdict(Self.question(edns: false)) { $0.header.responseCode = .formatError } == "refused 1")
    }

    @Test func bytesThatBreakOffAreNoAnswer() {
        let question = Self.question()
        let whole = Self.reply(question)
        for length in whole.indices {
            switch question.verdict(on: Array(whole[..<length])) {
            case .foreign, .unreadable: break
            default: complain("\(length) octets were taken")
            }
        }
    }

    @Test func anOldServersComplaintIsUnderstood() {
        let question = Self.question()
        let bare: [UInt8] = [0, 77, 0x81, 0x81] + [UInt8](repeating: 0, count: 8)
        guard case .wantsNoEDNS = question.verdict(on: bare) else { return complain("not understood") }
        guard case .foreign = Self.question(edns: false).verdict(on: bare) else { return complain("taken without need") }
        guard case .foreign = question.verdict(on: [0, 78] + bare.dropFirst(2)) else { return complain("taken under another number") }
    }
}
