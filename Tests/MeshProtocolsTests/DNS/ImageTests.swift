import MeshProtocols
import MeshTypes
import Testing

/// Answers that are kept and sent to others.
struct DNSImageTests {
    private static func asker(
        _ name: String, id: UInt16 = 7, limit: Int = 4096, options: DNSOptions? = nil, isVerified: Bool = false
    ) -> DNSImage.Asker {
        DNSImage.Asker(query: Messages.query(name, id: id), limit: limit, options: options, isVerified: isVerified)
    }

    private static var whole: DNSMessage {
        var message = Messages.answer
        message.options = nil
        return message
    }

    @Test func isSentUnderTheAskersNumberAndInItsSpelling() throws {
        let image = try #require(DNSImage(Self.whole))
        let reply = try DNSMessage(image.reply(to: Self.asker("WALLET.Default.svc.cluster.LOCAL", id: 99), age: .fresh(seconds: 0)))
        #expect(reply.header.id == 99 && reply.header.isResponse && !reply.header.isAuthoritative)
        #expect(reply.question.name.wire == Messages.name("WALLET.Default.svc.cluster.LOCAL").wire)
        #expect(reply.answers == Self.whole.answers && reply.authority == Self.whole.authority)
        #expect(reply.additional == Self.whole.additional)
        #expect(reply.options == nil)
    }

    @Test func timesToLiveGoDownAndNotBelowZero() throws {
        let image = try #require(DNSImage(Self.whole))
        let asker = Self.asker("wallet.default.svc.cluster.local")
        let older = try DNSMessage(image.reply(to: asker, age: .fresh(seconds: 3)))
        #expect(older.answers.map(\.timeToLive) == [2, 2, 2, 2] && older.authority.map(\.timeToLive) == [57])
        #expect(older.additional.map(\.timeToLive) == [0])
        let old = try DNSMessage(image.reply(to: asker, age: .fresh(seconds: 9)))
        #expect(old.answers.map(\.timeToLive) == [0, 0, 0, 0])
        let stale = try DNSMessage(image.reply(to: asker, age: .stale(timeToLive: 30)))
        #expect((stale.answers + stale.authority + stale.additional).allSatisfy { $0.timeToLive == 30 })
    }

    @Test func isCutToWhatTheAskerTakes() throws {
        let image = try #require(DNSImage(Self.whole))
        let name = "wallet.default.svc.cluster.local"
        let options = DNSOptions(payloadSize: 1232, wantsSignatures: true)
        let full = image.reply(to: Self.asker(name, options: options), age: .fresh(seconds: 0))
        for limit in 61...full.count {
            let bytes = image.reply(to: Self.asker(name, limit: limit, options: options), age: .fresh(seconds: 1))
            let reply = try DNSMessage(bytes)
            #expect(bytes.count <= limit && reply.options == options)
            #expect(reply.header.isTruncated == reply.answers.isEmpty)
            #expect(reply.answers.isEmpty || reply.authority.count == 1)
            #expect(reply.additional.isEmpty || limit == full.count)
        }
    }

    @Test func saysThatItWasVerifiedOnlyWhenToldTo() throws {
        let image = try #require(DNSImage(Self.whole))
        for isVerified in [true, false] {
            let asker = Self.asker("wallet.default.svc.cluster.local", isVerified: isVerified)
            #expect(try DNSMessage(image.reply(to: asker, age: .fresh(seconds: 0))).header.isVerified == isVerified)
        }
    }

    @Test func whatIsLongerThanAMessageIsNoImage() {
        var message = Messages.query("a")
        message.answers = (0..<300).map { _ in
            DNSRecord(name: Messages.name("a"), timeToLive: 1, data: .other(.txt, [UInt8](repeating: 0, count: 300)))
        }
        #expect(DNSImage(message) == nil)
    }
}
