import Foundation
import MeshIdentity
import MeshTLS
import MeshTypes
import Testing

@Suite struct RootRotationTests {
    let scratch = Scratch()
    let authority: EmbeddedCA
    let rotation: RootRotation

    init() throws {
        authority = try EmbeddedCA.open(directory: scratch.authority, trustDomain: "daarion.city")
        rotation = RootRotation(directory: scratch.authority, trustDomain: "daarion.city")
    }

    private func code(_ body: () throws -> Void) -> AuthorityFailure.Code? {
        do { try body() } catch { return (error as? AuthorityFailure)?.code }
        return nil
    }

    private func leaf() throws -> [[UInt8]] {
        try authority.issue(
            .service(.of("wallet")), publicKeyDER: TLSPrivateKey().publicKeyDER, lifetime: .seconds(600), now: Date(), to: "node-1"
        ).chainDER
    }

    private func serves(_ chain: [[UInt8]], _ roots: [[UInt8]]) throws -> Bool {
        (try? ChainCheck.verify(chain, trust: TrustBundle(rootsDER: roots), purpose: .server)) != nil
    }

    /// Whoever has taken the step before can talk to whoever has taken the next one, both ways.
    @Test func eachStepFitsTheOneBefore() throws {
        let old = authority.rootDER
        let now = Date()
        let leaf0 = try leaf()
        try rotation.prepare(now: now)
        #expect(try rotation.phase() == .prepared)
        let both = try authority.trust().roots
        #expect(both.count == 2 && both[0] == old)
        let leaf1 = try leaf()
        #expect(try serves(leaf1, [old]), "the old root signs until it is activated")
        try rotation.activate(now: now.addingTimeInterval(RootRotation.spread))
        #expect(try rotation.phase() == .activated)
        let turned = try authority.trust().roots
        #expect(Set(turned) == Set(both) && turned[0] == both[1])
        let leaf2 = try leaf()
        #expect(try serves(leaf2, both) && serves(leaf0, turned))
        #expect(try !serves(leaf2, [old]))
        try rotation.retire(lifetime: .seconds(600), now: now.addingTimeInterval(RootRotation.spread + 700))
        #expect(try authority.trust().roots == [both[1]])
        #expect(try serves(leaf2, authority.trust().roots))
        #expect(try rotation.phase() == .settled)
        #expect(scratch.files.filter { $0.hasSuffix(".key") } == ["root.key"])
        #expect(try EmbeddedCA.open(directory: scratch.authority, trustDomain: "daarion.city").rootDER == both[1])
    }

    @Test func refusesStepsOutOfOrder() throws {
        #expect(code { try rotation.activate(force: true) } == .request)
        #expect(code { try rotation.retire(lifetime: .seconds(60), force: true) } == .request)
        try rotation.prepare()
        #expect(code { try rotation.prepare() } == .request)
        #expect(code { try rotation.retire(lifetime: .seconds(60), force: true) } == .request)
    }

    @Test func refusesToCutNodesOff() throws {
        let now = Date()
        try rotation.prepare(now: now)
        #expect(code { try rotation.activate(now: now.addingTimeInterval(30)) } == .tooEarly)
        var nodes = NodeJournal()
        nodes.note("node-2", version: "before", now: now)
        nodes.note("node-3", version: try authority.trust().version, now: now)
        try nodes.write(in: scratch.authority)
        let late = now.addingTimeInterval(120)
        do {
            try rotation.activate(now: late)
            Issue.record("activated")
        } catch {
            #expect(error.code == .tooEarly && error.what.contains("node-2") && !error.what.contains("node-3"))
        }
        nodes.note("node-2", version: try authority.trust().version, now: late)
        try nodes.write(in: scratch.authority)
        try rotation.activate(now: late)
        #expect(code { try rotation.retire(lifetime: .seconds(600), now: late.addingTimeInterval(599)) } == .tooEarly)
        try rotation.retire(lifetime: .seconds(600), force: true, now: late.addingTimeInterval(599))
    }

    @Test func aRevokedNodeHoldsNothingUp() throws {
        let now = Date()
        try rotation.prepare(now: now)
        var nodes = NodeJournal()
        nodes.note("node-2", version: "before", now: now)
        try nodes.write(in: scratch.authority)
        _ = try RevocationOrder(.node("node-2"), reason: .cessationOfOperation).apply(
            directory: scratch.authority, trustDomain: "daarion.city")
        try rotation.activate(now: now.addingTimeInterval(61))
    }

    /// Between the new key and the new certificate.
    @Test func finishesAnActivationThatWasCutShort() throws {
        try rotation.prepare()
        scratch.write("previous.pem", scratch.text("root.pem"))
        scratch.write("root.key", scratch.text("next.key"))
        let next = try authority.trust().roots
        #expect(try rotation.phase() == .activated)
        #expect(next.count == 2)
        #expect(try serves(try leaf(), next))
        #expect(!scratch.files.contains("next.pem") && !scratch.files.contains("next.key"))
    }
}

@Suite struct NodeJournalTests {
    @Test func forgetsWhoWasSilentForLongest() {
        var nodes = NodeJournal()
        let now = Date()
        for index in 0...NodeJournal.maximumNodes { nodes.note("node-\(index)", version: "a", now: now.addingTimeInterval(Double(index))) }
        #expect(nodes.nodes.count == NodeJournal.maximumNodes)
        #expect(nodes.nodes["node-0"] == nil && nodes.nodes["node-1"] != nil)
    }

    @Test func namesThoseThatAreBehind() {
        var nodes = NodeJournal()
        let now = Date()
        nodes.note("b", version: "old", now: now)
        nodes.note("a", version: "old", now: now)
        nodes.note("c", version: "new", now: now)
        nodes.note("gone", version: "old", now: now.addingTimeInterval(-NodeJournal.silence - 1))
        #expect(nodes.nodes(without: "new", now: now) == ["a", "b"])
    }
}
