import Foundation
import MeshTLS
import MeshTypes
import Testing

/// R1.2: a wrong name, an expired or not yet valid certificate, an unknown issuer: refused, at both ends, with a reason.
@Suite struct RefusalTests {
    let authority = TestAuthority()

    /// Runs a handshake that must fail; gives the failures of client and server.
    private func refused(
        client: TLSCredential, server: TLSCredential, expecting: String? = nil, serverName: String? = nil
    ) throws -> (client: TLSFailure, server: TLSFailure) {
        let wire = Wire(client: client, server: [server], expecting: expecting, serverName: serverName)
        wire.shakeHands()
        // What the client sends in good faith must never be delivered.
        wire.client.send([42])
        wire.settle()
        #expect(wire.client.progress == .failed && wire.server.progress == .failed)
        #expect(wire.server.plaintext.isEmpty && wire.client.plaintext.isEmpty)
        #expect(!wire.server.isEstablished && wire.server.peer == nil)
        #expect(!wire.client.send([1]) && !wire.server.send([1]))
        return (try #require(wire.client.failure), try #require(wire.server.failure))
    }

    private func shape(_ change: (inout TestAuthority.Shape) -> Void) -> TestAuthority.Shape {
        var shape = TestAuthority.Shape()
        change(&shape)
        return shape
    }

    @Test func certificateOfAnotherAuthority() throws {
        let stranger = TestAuthority("Strange root")
        let asClient = try refused(
            client: stranger.credential("gateway", trust: authority.bundle), server: authority.credential("wallet"))
        #expect(asClient.server.reason == .peerUnverified)
        #expect(asClient.server.detail.contains("another CA (CN=Strange root)"), "\(asClient.server)")
        #expect(asClient.client.detail.contains("refused this node's certificate"), "\(asClient.client)")
        let asServer = try refused(
            client: authority.credential("gateway"), server: stranger.credential("wallet", trust: authority.bundle))
        #expect(asServer.client.reason == .peerUnverified)
        #expect(asServer.client.detail.contains("another CA (CN=Strange root)"))
    }

    @Test func certificateOfAnotherAuthorityThatHasTheSameName() throws {
        let impostor = TestAuthority()
        let failure = try refused(
            client: impostor.credential("gateway", trust: authority.bundle), server: authority.credential("wallet"))
        #expect(failure.server.reason == .peerUnverified)
        // The names agree, the key identifiers do not.
        #expect(failure.server.detail.contains("another CA"), "\(failure.server)")
    }

    @Test func expired() throws {
        let past = shape {
            $0.notBefore = Date(timeIntervalSince1970: 1_700_000_000)
            $0.notAfter = Date(timeIntervalSince1970: 1_700_086_400)
        }
        let asServer = try refused(client: authority.credential("gateway"), server: authority.credential("wallet", past))
        #expect(asServer.client.reason == .peerUnverified)
        #expect(asServer.client.detail.contains("expired at 2023-11-15T22:13:20Z"), "\(asServer.client)")
        let asClient = try refused(client: authority.credential("gateway", past), server: authority.credential("wallet"))
        #expect(asClient.server.detail.contains("the client's certificate (CN=gateway) expired at 2023-11-15T22:13:20Z"))
        #expect(asClient.client.detail.contains("expired"))
    }

    @Test func notYetValid() throws {
        let future = shape {
            $0.notBefore = Date(timeIntervalSinceNow: 600)
            $0.notAfter = Date(timeIntervalSinceNow: 7200)
        }
        let failure = try refused(client: authority.credential("gateway", future), server: authority.credential("wallet"))
        #expect(failure.server.reason == .peerUnverified)
        #expect(failure.server.detail.contains("valid only from"), "\(failure.server)")
    }

    @Test func serverIsAnotherService() throws {
        let wallet = try authority.credential("wallet")
        let wire = Wire(client: try authority.credential("gateway"), server: [wallet], to: "wallet", expecting: "usage")
        wire.shakeHands()
        let failure = try #require(wire.client.failure)
        #expect(failure.reason == .peerIdentity)
        #expect(failure.detail.contains("wanted service default/usage, but the server is default/wallet"), "\(failure)")
        #expect(wire.server.progress == .failed && wire.server.plaintext.isEmpty)
    }

    @Test func anotherTrustDomain() throws {
        let failure = try refused(
            client: authority.credential("gateway", trustDomain: "elsewhere.example"), server: authority.credential("wallet"))
        #expect(failure.client.reason == .peerIdentity)
        #expect(failure.client.detail.contains("is of trust domain daarion.city, this node of elsewhere.example"))
    }

    @Test(arguments: [true, false]) func wrongExtendedKeyUsage(atClient: Bool) throws {
        let wrong = shape { $0.usages = atClient ? [.serverAuth] : [.clientAuth] }
        let failures = try refused(
            client: atClient ? authority.credential("gateway", wrong) : authority.credential("gateway"),
            server: atClient ? authority.credential("wallet") : authority.credential("wallet", wrong))
        let failure = atClient ? failures.server : failures.client
        #expect(failure.reason == .peerUnverified)
        #expect(failure.detail.contains("is not for a \(atClient ? "client" : "server")"), "\(failure)")
    }

    @Test func selfSigned() throws {
        let failure = try refused(
            client: authority.credential("gateway", shape { $0.isSelfSigned = true }), server: authority.credential("wallet"))
        #expect(failure.server.reason == .peerUnverified)
        #expect(failure.server.detail.contains("self-signed"), "\(failure.server)")
    }

    @Test func authorityInPlaceOfAService() throws {
        let failure = try refused(
            client: authority.credential("gateway", shape { $0.isAuthority = true }), server: authority.credential("wallet"))
        #expect(failure.server.reason == .peerIdentity)
        #expect(failure.server.detail.contains("CA's certificate"), "\(failure.server)")
    }

    @Test func unknownServerName() throws {
        let failure = try refused(
            client: authority.credential("gateway"), server: authority.credential("wallet"), serverName: "nothing.default.svc")
        #expect(failure.server.reason == .notAnEndpoint)
        #expect(failure.server.detail.contains("nothing.default.svc"))
        #expect(failure.client.reason == .notAnEndpoint)
    }

    @Test func noServerName() throws {
        let wire = try Wire(client: authority.credential("gateway"), server: [authority.credential("wallet")], serverName: "")
        wire.shakeHands()
        #expect(!wire.server.isEstablished && !wire.client.isEstablished)
        #expect(wire.client.progress == .failed || wire.client.failure != nil)
    }

    @Test func noServiceHostedAtAll() throws {
        let wire = Wire(client: try authority.credential("gateway"), server: [])
        wire.shakeHands()
        #expect(wire.server.failure?.reason == .notAnEndpoint)
    }
}
