import Foundation
import Logging
import MeshAuthority
import MeshIdentity
import MeshTLS
import MeshTypes
import Testing

/// Two authorities on two machines without a common disk: an intermediate each, under a root that is kept offline (docs/identity.md).
@Suite(.serialized) final class TwoAuthoritiesTests {
    private let root: CorporateRoot
    private let book = PlacementBook()
    private let a: ServedAuthority
    private let b: ServedAuthority
    private var following: [Task<Void, Never>] = []

    init() throws {
        root = try CorporateRoot()
        a = try ServedAuthority(source: try root.intermediate("a"), node: "node-a", book: book)
        b = try ServedAuthority(source: try root.intermediate("b"), node: "node-b", book: book)
        for node in ["node-2", "node-3"] { book.place("wallet", on: node) }
    }

    deinit { for task in following { task.cancel() } }

    private var log: Logger { Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }) }

    /// Serves both, each as the other's peer.
    private func start() async throws -> (ofA: AuthorityPeer, ofB: AuthorityPeer) {
        try await a.start()
        try await b.start()
        let peers = (AuthorityPeer(b.address, of: a.authority, log: log), AuthorityPeer(a.address, of: b.authority, log: log))
        for peer in [peers.0, peers.1] { following.append(Task { await peer.run() }) }
        return peers
    }

    private func stop() async {
        for task in following { task.cancel() }
        await a.stop()
        await b.stop()
    }

    private func serial(_ issued: IssuedCertificate) throws -> String { try ChainCheck.read(issued.chainDER[0]).serial }

    private func issuer(_ issued: IssuedCertificate) -> [UInt8]? { issued.chainDER.dropFirst().first }

    private func revoke(_ target: RevocationOrder.Target, at served: ServedAuthority) throws -> Int {
        try RevocationOrder(target, reason: .keyCompromise).apply(
            directory: served.authority.directory, trustDomain: ServedAuthority.trustDomain)
    }

    private func refuses(_ served: ServedAuthority, _ serial: String) -> Bool {
        (try? served.authority.trust().revoked.contains(serial)) == true
    }

    @Test func nodesJoinByTheTokenOfEitherAndTrustEachOther() async throws {
        _ = try await start()
        let second = try a.node("node-2", token: try a.token("node-2"), servers: [b.address, a.address])
        let third = try b.node("node-3", token: try b.token("node-3"), servers: [b.address, a.address])
        let issued = [try await second.patientCertificate("wallet"), try await third.patientCertificate("wallet")]
        #expect(a.desk.statistics.joined == 1 && b.desk.statistics.joined == 1)
        for (node, certificate) in zip([third, second], issued) {
            let bundle = try TrustBundle(rootsDER: try await node.trustedRoots())
            #expect(try ChainCheck.verify(certificate.chainDER, trust: bundle, purpose: .server).uri.hasSuffix("/wallet"))
        }
        await stop()
    }

    /// The node tells its operator where the token is good, and joins when that authority is back.
    @Test func aTokenOfAnAuthorityThatIsAwayIsTriedUntilItIsBack() async throws {
        _ = try await start()
        let token = try a.token("node-2")
        let address = a.address
        await a.stop()
        let node = try b.node("node-2", token: token, servers: [b.address, address])
        #expect(await eventually { await code { _ = try await node.trustedRoots() } == .unreachable })
        let said = await node.status.lastError ?? ""
        #expect(said.contains("do not know the join token") && said.contains("good at the authority that made it"), "\(said)")
        try await a.start()
        #expect(a.address == address)
        #expect(await eventually { (try? await node.certificate("wallet")) != nil })
        #expect(a.desk.statistics.joined == 1 && b.desk.statistics.joined == 0)
        // A token that nobody knows is given up.
        let foreign = try b.node(
            "node-3", token: try ServedAuthority(source: try root.intermediate("c")).token("node-3"), servers: [b.address, a.address])
        #expect(await eventually { await code { _ = try await foreign.trustedRoots() } == .token })
        await stop()
    }

    @Test func renewalsGoToTheOtherWhenOneDies() async throws {
        _ = try await start()
        let node = try a.node("node-2", token: try a.token("node-2"), servers: [a.address, b.address])
        let first = try await node.patientCertificate("wallet")
        #expect(issuer(first) == a.authority.issuerDER)
        await a.stop()
        let second = try await node.patientCertificate("wallet")
        #expect(issuer(second) == b.authority.issuerDER)
        #expect(await node.status.server == b.address)
        let bundle = try TrustBundle(rootsDER: try await node.trustedRoots())
        for issued in [first, second] {
            _ = try ChainCheck.verify(issued.chainDER, trust: bundle, purpose: .client)
            try await verifyWithOpenSSL(issued)
        }
        #expect(b.desk.statistics.joined == 0, "the certificate of the node counts there as well")
        await stop()
    }

    private func verifyWithOpenSSL(_ issued: IssuedCertificate) async throws {
        let (leaf, above) = ("\(root.path)/leaf.pem", "\(root.path)/above.pem")
        try pemText([issued.chainDER[0]]).write(toFile: leaf, atomically: true, encoding: .utf8)
        try pemText(Array(issued.chainDER.dropFirst())).write(toFile: above, atomically: true, encoding: .utf8)
        let verdict = await run("openssl", ["verify", "-x509_strict", "-CAfile", "\(root.path)/root.pem", "-untrusted", above, leaf])
        #expect(verdict.status == 0, "\(verdict.output)")
    }

    @Test func whatOneRevokesIsRefusedByTheNodesOfTheOther() async throws {
        let peers = try await start()
        let ofA = try a.node("node-2", token: try a.token("node-2"), servers: [a.address])
        let ofB = try b.node("node-3", token: try b.token("node-3"), servers: [b.address])
        let issued = try await ofA.patientCertificate("wallet")
        _ = try await ofB.patientCertificate("wallet")
        for node in [ofA, ofB] { following.append(Task { await node.run() }) }
        let revoked = try serial(issued)
        #expect(try revoke(.serial(revoked), at: a) == 1)
        for node in [ofA, ofB] { #expect(await eventually { (try? await node.revocations().contains(revoked)) == true }) }
        #expect(refuses(b, revoked), "the authority's own node refuses it too")
        #expect(try a.authority.trust().version == b.authority.trust().version, "whichever server a node asks")
        #expect(peers.ofA.failure == nil && peers.ofB.failure == nil)
        // One that is dead takes nothing back, also after a restart of the other.
        await a.stop()
        #expect(await eventually { peers.ofB.failure?.code == .unreachable })
        let again = try EmbeddedCA.open(
            directory: b.authority.directory, trustDomain: ServedAuthority.trustDomain, node: "node-b", source: try root.intermediate("b"))
        #expect(try again.trust().revoked.contains(revoked))
        await stop()
    }

    /// A revoked node cannot turn to the other authority, and what it got there is revoked with it.
    @Test func aNodeThatOneRevokesIsNoNodeOfTheOther() async throws {
        _ = try await start()
        let node = try a.node("node-2", token: try a.token("node-2"), servers: [a.address, b.address])
        let fromA = try await node.patientCertificate("wallet")
        let onlyB = try a.node("node-2", token: nil, servers: [b.address])
        let fromB = try await onlyB.patientCertificate("wallet")
        #expect(issuer(fromB) == b.authority.issuerDER)
        #expect(try revoke(.node("node-2"), at: a) == 2)
        let serials = [try serial(fromA), try serial(fromB)]
        for served in [a, b] { #expect(await eventually { serials.allSatisfy { refuses(served, $0) } }) }
        #expect(await eventually { await code { _ = try await onlyB.certificate("wallet") } == .revoked })
        #expect(await code { _ = try b.token("node-2") } == .revoked)
        // It is restored where it was revoked.
        #expect(try RevocationOrder.restore(node: "node-2", directory: b.authority.directory) == false)
        #expect(try RevocationOrder.restore(node: "node-2", directory: a.authority.directory))
        #expect(await eventually { (try? b.token("node-2")) != nil })
        try a.put(try b.token("node-2"), for: "node-2")
        _ = try await onlyB.patientCertificate("wallet")
        for served in [a, b] { #expect(serials.allSatisfy { refuses(served, $0) }, "its old certificates stay revoked") }
        await stop()
    }

    @Test func onlyAnAuthorityHearsWhatAnotherHasRevoked() async throws {
        try await a.start()
        let node = try a.node("node-2", token: try a.token("node-2"))
        _ = try await node.patientCertificate("wallet")
        let (files, port) = ("\(a.path)/node-2/authority", a.address.port)
        let answer = await run(
            "curl", "-sS", "--noproxy", "*", "--max-time", "30", "--cacert", files + "/roots.pem", "--cert", files + "/node.pem",
            "--connect-to", "authority.ca.myelin.svc:\(port):127.0.0.1:\(port)", "https://authority.ca.myelin.svc:\(port)/v1/revocations")
        #expect(answer.output.contains("\"code\":\"not_a_node\"") && answer.output.contains("not an authority's"), "\(answer)")
        await a.stop()
    }

    /// The next root is put into `roots` of both before either signs with an intermediate of it.
    @Test func otherRootsAtTheOtherAreTold() async throws {
        let peers = try await start()
        #expect(await eventually { peers.ofA.failure == nil })
        #expect(!peers.ofA.hasOtherRoots)
        let next = try CorporateRoot()
        let both =
            try String(contentsOfFile: root.path + "/root.pem", encoding: .utf8)
            + String(contentsOfFile: next.path + "/root.pem", encoding: .utf8)
        try both.write(toFile: root.path + "/both.pem", atomically: true, encoding: .utf8)
        let c = try ServedAuthority(
            source: .intermediate(certificate: root.path + "/a.pem", key: root.path + "/a.key", roots: root.path + "/both.pem"),
            node: "node-c")
        try await c.start()
        let peer = AuthorityPeer(b.address, of: c.authority, log: log)
        following.append(Task { await peer.run() })
        #expect(await eventually { peer.failure == nil && peer.hasOtherRoots })
        await c.stop()
        await stop()
    }
}
