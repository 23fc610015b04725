import Crypto
import MeshTLS
import MeshTypes
import Testing

@Suite struct HandshakeTests {
    let authority = TestAuthority()

    @Test func bothEndsLearnWhoThePeerIs() throws {
        let wire = try Wire(client: authority.credential("gateway"), server: [authority.credential("wallet")])
        wire.client.start()
        #expect(wire.client.peer == nil)
        #expect(wire.server.localIdentity == nil)
        wire.settle()
        #expect(wire.client.isEstablished && wire.server.isEstablished)
        #expect(wire.client.peer == .of("wallet"))
        #expect(wire.server.peer == .of("gateway"))
        #expect(wire.server.localIdentity == .of("wallet"))
        #expect(wire.client.localIdentity == .of("gateway"))
        #expect(wire.client.failure == nil && wire.server.failure == nil)
    }

    @Test func picksTheCertificateByServerName() throws {
        let hosted = try ["usage", "wallet", "chain-rpc"].map { try authority.credential($0) }
        for name in ["usage", "wallet", "chain-rpc"] {
            let wire = try Wire(client: authority.credential("gateway"), server: hosted, to: name)
            wire.shakeHands()
            #expect(wire.client.peer == .of(name))
        }
    }

    @Test func serverNamesAreComparedWithoutCase() throws {
        let wire = try Wire(
            client: authority.credential("gateway"), server: [authority.credential("wallet")], serverName: "Wallet.DEFAULT.svc")
        wire.shakeHands()
        #expect(wire.client.isEstablished)
    }

    @Test(arguments: [1, 2, 3, 7, 100]) func worksInPiecesOfAnySize(step: Int) throws {
        let wire = try Wire(client: authority.credential("gateway"), server: [authority.credential("wallet")])
        wire.shakeHands(step: step)
        wire.client.send(Array("question".utf8))
        wire.server.send(Array("answer".utf8))
        wire.settle(step: step)
        #expect(wire.server.plaintext == Array("question".utf8))
        #expect(wire.client.plaintext == Array("answer".utf8))
    }

    @Test func manySessionsShareOneCredential() throws {
        let client = try authority.credential("gateway")
        let server = try authority.credential("wallet")
        let wires = (0..<50).map { _ in Wire(client: client, server: [server]) }
        for wire in wires { wire.client.start() }
        for wire in wires { wire.settle() }
        for wire in wires { #expect(wire.client.isEstablished && wire.server.isEstablished) }
    }

    @Test func bothRootsServeWhileTheAuthorityIsChanged() throws {
        let next = TestAuthority("Next root")
        let both = try TrustBundle(rootsDER: [authority.der(authority.root), next.der(next.root)])
        let wire = try Wire(
            client: authority.credential("gateway", trust: both), server: [next.credential("wallet", trust: both)])
        wire.shakeHands()
        #expect(wire.client.isEstablished && wire.server.isEstablished)
    }

    @Test func sendingBeforeTheHandshakeIsRefused() throws {
        let wire = try Wire(client: authority.credential("gateway"), server: [authority.credential("wallet")])
        #expect(!wire.client.send([1]))
        #expect(!wire.server.send([1]))
        #expect(wire.client.output.isEmpty)
    }

    @Test func closingInOrderIsSeenAndTheOtherDirectionStaysOpen() throws {
        let wire = try Wire(client: authority.credential("gateway"), server: [authority.credential("wallet")])
        wire.shakeHands()
        wire.client.send([1, 2, 3])
        wire.client.session.close(output: wire.client.output)
        #expect(!wire.client.send([4]))
        wire.settle()
        #expect(wire.server.progress == .closed)
        #expect(wire.server.plaintext == [1, 2, 3])
        #expect(wire.server.send([5]))
        wire.settle()
        #expect(wire.client.plaintext == [5], "\(wire.client.progress) \(String(describing: wire.client.failure))")
    }
}
