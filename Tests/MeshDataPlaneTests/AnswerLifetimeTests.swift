import MeshDataPlane
import MeshProtocols
import MeshTypes
import Testing

/// For how long answers are kept (RFC 2308, RFC 2181 §8), and what of them.
struct AnswerLifetimeTests {
    private static func name(_ text: String) -> DNSName { DNSName(text)! }

    private static func message(_ code: DNSResponseCode, _ records: [DNSRecord], soa: (UInt32, UInt32)? = nil) -> DNSMessage {
        var message = DNSMessage(header: DNSHeader(id: 1), question: DNSQuestion(name: name("www.example.com"), type: .a))
        message.header.responseCode = code
        message.answers = records
        if let soa {
            let data = StartOfAuthority(
                primary: name("ns.example.com"), mailbox: name("root.example.com"), serial: 1, refresh: 1, retry: 1, expire: 1,
                minimum: soa.1)
            message.authority = [DNSRecord(name: name("example.com"), timeToLive: soa.0, data: .soa(data))]
        }
        return message
    }

    private static func message(_ records: [DNSRecord], soa: (UInt32, UInt32)? = nil) -> DNSMessage { message(.noError, records, soa: soa) }

    private static func a(_ owner: String, _ seconds: UInt32) -> DNSRecord {
        DNSRecord(name: name(owner), timeToLive: seconds, data: .a(IPAddress("192.0.2.1")!))
    }
    private static func alias(_ owner: String, _ target: String, _ seconds: UInt32) -> DNSRecord {
        DNSRecord(name: name(owner), timeToLive: seconds, data: .cname(name(target)))
    }

    private static func seconds(_ message: DNSMessage) -> UInt32? { AnswerLifetime.seconds(of: message, NameCacheOptions()) }

    @Test func isTheShortestOfTheAnswers() {
        #expect(Self.seconds(Self.message([Self.a("www.example.com", 300), Self.a("www.example.com", 60)])) == 60)
        #expect(Self.seconds(Self.message([Self.alias("www.example.com", "x.example.com", 10), Self.a("x.example.com", 60)])) == 10)
        #expect(Self.seconds(Self.message([Self.a("www.example.com", 1 << 30)])) == 86_400)
        #expect(Self.seconds(Self.message([Self.a("www.example.com", 1 << 31)])) == 0)
    }

    @Test func ofNoAnswerIsTheAuthoritys() {
        #expect(Self.seconds(Self.message(.noSuchName, [], soa: (900, 60))) == 60)
        #expect(Self.seconds(Self.message(.noSuchName, [], soa: (30, 60))) == 30)
        #expect(Self.seconds(Self.message(.noSuchName, [], soa: (1 << 20, 1 << 20))) == 3600)
        #expect(Self.seconds(Self.message([], soa: (900, 60))) == 60, "NODATA")
        #expect(
            Self.seconds(Self.message([Self.alias("www.example.com", "x.example.com", 10)], soa: (900, 60))) == 10, "NODATA of an alias")
        #expect(Self.seconds(Self.message(.noSuchName, [])) == nil && Self.seconds(Self.message([])) == nil, "RFC 2308 §5")
        #expect(Self.seconds(Self.message([Self.alias("www.example.com", "x.example.com", 10)])) == nil)
    }

    @Test func noRecordIsRememberedLongerThanTheAnswer() {
        let bounded = AnswerLifetime.bounded(Self.message(.noSuchName, [], soa: (900, 60)), by: 60)
        #expect(bounded.authority.map(\.timeToLive) == [60])
    }

    // MARK: What belongs to it

    @Test func recordsOfOtherNamesAreDropped() {
        var message = Self.message(
            [
                Self.alias("www.example.com", "a.cdn.example", 10), Self.a("evil.example", 60),
                Self.alias("a.cdn.example", "b.cdn.example", 10),
                Self.a("b.cdn.example", 60),
            ], soa: (10, 10))
        message.authority += [DNSRecord(name: Self.name("bank.example"), timeToLive: 1, data: message.authority[0].data)]
        message.additional = [Self.a("bank.example", 60)]
        let kept = RelevantRecords.only(message, wantsSignatures: false)
        #expect(kept.answers.map(\.name.description) == ["www.example.com", "a.cdn.example", "b.cdn.example"])
        #expect(kept.authority.map(\.name.description) == ["example.com"] && kept.additional.isEmpty)
    }

    @Test func aliasesInACircleEnd() {
        let circle = Self.message([Self.alias("www.example.com", "b.example", 10), Self.alias("b.example", "www.example.com", 10)])
        #expect(RelevantRecords.only(circle, wantsSignatures: false).answers.count == 2)
    }

    @Test func addressesOfTargetsAreKept() {
        var message = Self.message([
            DNSRecord(
                name: Self.name("www.example.com"), timeToLive: 9,
                data: .named(.mx, before: [0, 10], [Self.name("mail.example.com")], after: []))
        ])
        message.additional = [Self.a("mail.example.com", 60), Self.a("other.example.com", 60)]
        #expect(RelevantRecords.only(message, wantsSignatures: false).additional == [message.additional[0]])
    }

    @Test func signaturesAreKeptForWhoWantsThem() {
        var message = Self.message([Self.a("www.example.com", 9)])
        message.authority = [DNSRecord(name: Self.name("x.example.com"), timeToLive: 9, data: .other(DNSType(rawValue: 47), [0]))]
        #expect(RelevantRecords.only(message, wantsSignatures: true).authority.count == 1)
        #expect(RelevantRecords.only(message, wantsSignatures: false).authority.isEmpty)
    }
}
