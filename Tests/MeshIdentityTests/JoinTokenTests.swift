import Foundation
import MeshIdentity
import MeshTypes
import Testing

@Suite struct JoinTokenTests {
    let scratch = Scratch()
    let authority: EmbeddedCA
    let store: TokenStore

    init() throws {
        authority = try EmbeddedCA.open(directory: scratch.authority, trustDomain: "daarion.city")
        store = TokenStore(directory: scratch.authority)
    }

    private func make(_ node: String = "node-2", lifetime: Duration = .seconds(3600), now: Date = Date()) throws -> JoinToken {
        try store.make(for: node, rootsDER: [authority.rootDER], lifetime: lifetime, now: now)
    }

    private func redeem(_ token: JoinToken, as node: String = "node-2", now: Date = Date()) throws {
        try store.redeem(id: token.id, secret: token.secret, node: node, now: now) {}
    }

    @Test func isReadAsItIsWritten() throws {
        let token = try make()
        #expect(JoinToken("  \(token)\n") == token)
        #expect(token.vouches(for: authority.rootDER))
        let other = Scratch()
        #expect(!token.vouches(for: try EmbeddedCA.open(directory: other.authority, trustDomain: "daarion.city").rootDER))
        for text in ["", "myelin-join:", "myelin-join:a.b.c", "\(token)".uppercased(), "\(token).zz", "\(token)." + "x", "x\(token)"] {
            #expect(JoinToken(text) == nil, "\(text)")
        }
    }

    @Test func secretsAreNotKept() throws {
        let token = try make()
        let kept = scratch.text("tokens/\(token.id)")
        #expect(!kept.contains(token.secret))
        #expect(scratch.mode("tokens/\(token.id)") == 0o600 && scratch.mode("tokens") == 0o700)
    }

    @Test func canBeUsedOnce() throws {
        let token = try make()
        try redeem(token)
        #expect(throws: AuthorityFailure.self) { try redeem(token) }
    }

    @Test func oneOfManyAtOnceUsesIt() async throws {
        let token = try make()
        let store = store
        let wins = await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<32 {
                group.addTask { (try? store.redeem(id: token.id, secret: token.secret, node: "node-2") {}) != nil }
            }
            return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
        }
        #expect(wins == 1)
    }

    /// An authority that cannot sign costs nobody a token.
    @Test func isAsItWasIfNothingCameOfIt() throws {
        let token = try make()
        var wasFree = true
        do {
            try store.redeem(id: token.id, secret: token.secret, node: "node-2") { () throws(AuthorityFailure) in
                wasFree = (try? redeem(token)) != nil
                throw AuthorityFailure(.storage, "the disk is full", advice: "free space")
            }
            Issue.record("what failed succeeded")
        } catch { #expect(error.code == .storage) }
        #expect(!wasFree, "nobody else can use it meanwhile")
        try redeem(token)
        #expect(throws: AuthorityFailure.self) { try redeem(token) }
    }

    /// It is used up, and does not lie there for ever.
    @Test func whatAnAuthorityLeftThatWasKilledIsSwept() throws {
        let now = Date()
        let token = try make(lifetime: .seconds(60), now: now)
        let file = scratch.authority + "/tokens/\(token.id)"
        try FileManager.default.moveItem(atPath: file, toPath: file + ".taken")
        #expect(throws: AuthorityFailure.self) { try redeem(token) }
        try store.sweep(now.addingTimeInterval(61))
        #expect(try FileManager.default.contentsOfDirectory(atPath: scratch.authority + "/tokens").isEmpty)
    }

    @Test func refusesAnotherNodesAWrongSecretAndAStrangeName() throws {
        let token = try make()
        #expect(throws: AuthorityFailure.self) { try redeem(token, as: "node-3") }
        let wrong = String(token.secret.reversed())
        #expect(throws: AuthorityFailure.self) { try store.redeem(id: token.id, secret: wrong, node: "node-2") {} }
        #expect(throws: AuthorityFailure.self) { try store.redeem(id: "../root.key", secret: token.secret, node: "node-2") {} }
        #expect(throws: AuthorityFailure.self) { _ = try make("../node") }
        try redeem(token)
    }

    @Test func expiresAndIsSwept() throws {
        let now = Date()
        let token = try make(lifetime: .seconds(60), now: now)
        #expect(throws: AuthorityFailure.self) { try redeem(token, now: now.addingTimeInterval(60)) }
        #expect(try store.sweep(now.addingTimeInterval(59)) == 1)
        #expect(try store.sweep(now.addingTimeInterval(61)) == 0)
        #expect(try FileManager.default.contentsOfDirectory(atPath: scratch.authority + "/tokens").isEmpty)
    }

    @Test func thereAreSoManyAndNoMore() throws {
        let one = scratch.text("tokens/\(try make().id)")
        for index in 1..<TokenStore.maximumTokens {
            let number = String(index, radix: 16)
            scratch.write("tokens/" + String(repeating: "0", count: 16 - number.count) + number, one)
        }
        #expect { _ = try make() } throws: { ($0 as? AuthorityFailure)?.code == .full }
        _ = try make(now: Date(timeIntervalSinceNow: 3601))
    }
}
