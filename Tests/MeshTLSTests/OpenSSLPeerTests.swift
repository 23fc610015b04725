import Crypto
import Foundation
import MeshTLS
import MeshTypes
import Testing
import X509

/// Peers that this module could not be: the `openssl` program with certificates and settings of every kind.
@Suite(.serialized) struct OpenSSLPeerTests {
    let authority = TestAuthority()

    /// Runs `openssl s_client` against a session that accepts, until something is decided.
    private func client(
        _ certificate: Certificate?, key: P256.Signing.PrivateKey, _ arguments: [String] = ["-tls1_3"], chain: [Certificate] = []
    )
        throws -> End
    {
        let files = try Files(authority: authority, certificate: certificate, key: key, chain: chain)
        let wallet = try authority.credential("wallet")
        let end = End(.accepting(TLSServerCredentials([wallet.identity.service.serverName: wallet])))
        let listener = try LoopbackSocket.listening()
        let program = try Program(
            ["s_client", "-quiet", "-connect", "127.0.0.1:\(listener.port)", "-servername", "wallet.default.svc"] + files.arguments
                + arguments)
        defer { program.end() }
        try listener.accept().carry(end)
        return end
    }

    private func leaf(_ key: P256.Signing.PrivateKey, uris: [String]? = nil) -> Certificate {
        var shape = TestAuthority.Shape()
        shape.uris = uris
        return authority.certificate(
            .of("gateway"), Certificate.PublicKey(key.publicKey), issuer: authority.name, signer: Certificate.PrivateKey(authority.key),
            shape)
    }

    private let twoNames = ["spiffe://daarion.city/ns/default/sa/wallet", "spiffe://daarion.city/ns/default/sa/gateway"]

    @Test(arguments: [["-tls1_3"], ["-tls1_3", "-alpn", "http/1.1,h2"]]) func aProperClientIsAccepted(arguments: [String]) throws {
        let key = P256.Signing.PrivateKey()
        let end = try client(leaf(key), key: key, arguments)
        #expect(end.isEstablished && end.peer == .of("gateway"), "\(String(describing: end.failure))")
    }

    @Test func aClientWithoutACertificateIsRefused() throws {
        let end = try client(nil, key: P256.Signing.PrivateKey())
        #expect(!end.isEstablished && end.progress == .failed)
        #expect(end.failure?.reason == .peerUnverified)
        #expect(end.failure?.detail == "the client showed no certificate")
    }

    @Test func aClientWithTwoURINamesIsRefused() throws {
        let key = P256.Signing.PrivateKey()
        let end = try client(leaf(key, uris: twoNames), key: key)
        #expect(!end.isEstablished && end.failure?.reason == .peerIdentity)
        #expect(end.failure?.detail.contains("more than one URI name") == true)
    }

    @Test(arguments: [[], ["spiffe://daarion.city/wallet"], ["https://daarion.city/ns/default/sa/wallet"]])
    func aClientThatIsNoServiceIsRefused(uris: [String]) throws {
        let key = P256.Signing.PrivateKey()
        let end = try client(leaf(key, uris: uris), key: key)
        #expect(!end.isEstablished && end.failure?.reason == .peerIdentity)
    }

    @Test(arguments: [["-tls1_2"], ["-tls1_3", "-alpn", "http/1.1"], ["-tls1_3", "-groups", "P-521"]])
    func otherProtocolsAreRefused(arguments: [String]) throws {
        let key = P256.Signing.PrivateKey()
        let end = try client(leaf(key), key: key, arguments)
        #expect(!end.isEstablished && end.failure?.reason == .protocolViolation, "\(String(describing: end.failure))")
    }

    /// Authorities that descend from the root, the nearest to the leaf first, and a leaf of the last one.
    private func descent(_ count: Int, _ key: P256.Signing.PrivateKey) -> (leaf: Certificate, chain: [Certificate]) {
        var issuer = (name: authority.name, signer: Certificate.PrivateKey(authority.key))
        var chain: [Certificate] = []
        var shape = TestAuthority.Shape()
        shape.isAuthority = true
        shape.usages = nil
        for index in 0..<count {
            let own = Certificate.PrivateKey(P256.Signing.PrivateKey())
            let certificate = authority.certificate(
                .of("level-\(index)"), own.publicKey, issuer: issuer.name, signer: issuer.signer, shape)
            chain.insert(certificate, at: 0)
            issuer = (certificate.subject, own)
        }
        let leaf = authority.certificate(
            .of("gateway"), Certificate.PublicKey(key.publicKey), issuer: issuer.name, signer: issuer.signer, TestAuthority.Shape())
        return (leaf, chain)
    }

    @Test func aClientOfAnIntermediateIsAccepted() throws {
        let key = P256.Signing.PrivateKey()
        let descent = descent(3, key)
        let end = try client(descent.leaf, key: key, chain: descent.chain)
        #expect(end.isEstablished && end.peer == .of("gateway"), "\(String(describing: end.failure))")
    }

    @Test func aChainThatIsTooLongIsRefused() throws {
        let key = P256.Signing.PrivateKey()
        let descent = descent(4, key)
        let end = try client(descent.leaf, key: key, chain: descent.chain)
        #expect(!end.isEstablished && end.failure?.reason == .peerUnverified, "\(String(describing: end.failure))")
    }

    @Test func aChainThatIsTooLargeIsRefused() throws {
        let key = P256.Signing.PrivateKey()
        let end = try client(leaf(key), key: key, chain: Array(repeating: authority.root, count: 100))
        #expect(!end.isEstablished && end.failure?.reason == .protocolViolation, "\(String(describing: end.failure))")
    }

    @Test func aServerWithTwoURINamesIsRefused() throws {
        let key = P256.Signing.PrivateKey()
        let files = try Files(authority: authority, certificate: leaf(key, uris: twoNames), key: key)
        let port = try LoopbackSocket.listening().port
        let program = try Program(["s_server", "-quiet", "-tls1_3", "-accept", "127.0.0.1:\(port)", "-Verify", "3"] + files.arguments)
        defer { program.end() }
        let end = try End(.connecting(as: authority.credential("gateway"), to: "wallet.default.svc", expecting: .of("wallet")))
        let socket = try LoopbackSocket.connected(to: port)
        end.start()
        try socket.carry(end)
        #expect(!end.isEstablished && end.failure?.reason == .peerIdentity, "\(String(describing: end.failure))")
    }
}

/// Certificate, key and root as files for the program.
private final class Files {
    private let directory = NSTemporaryDirectory() + "/myelin-tls-\(UUID().uuidString)"
    private let hasCertificate: Bool

    private let hasChain: Bool

    init(authority: TestAuthority, certificate: Certificate?, key: P256.Signing.PrivateKey, chain: [Certificate] = []) throws {
        hasCertificate = certificate != nil
        hasChain = !chain.isEmpty
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        try write("root.pem", authority.root.serializeAsPEM().pemString)
        try write("key.pem", key.pemRepresentation)
        if hasChain { try write("chain.pem", chain.map { try $0.serializeAsPEM().pemString }.joined(separator: "\n")) }
        if let certificate { try write("cert.pem", certificate.serializeAsPEM().pemString) }
    }

    deinit { try? FileManager.default.removeItem(atPath: directory) }

    private func write(_ name: String, _ text: String) throws {
        try text.write(toFile: "\(directory)/\(name)", atomically: false, encoding: .utf8)
    }

    var arguments: [String] {
        ["-CAfile", "\(directory)/root.pem"] + (hasCertificate ? ["-cert", "\(directory)/cert.pem", "-key", "\(directory)/key.pem"] : [])
            + (hasChain ? ["-cert_chain", "\(directory)/chain.pem"] : [])
    }
}

/// A running `openssl`.
private struct Program {
    private let process = Process()
    /// Kept open: at its end the program would go.
    private let input = Pipe()

    init(_ arguments: [String]) throws {
        process.executableURL = URL(fileURLWithPath: "/usr/bin/openssl")
        process.arguments = arguments
        process.standardInput = input
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.run()
    }

    func end() {
        // Children inherit the blocked signals of the thread that started them, so nothing milder is sure to end them.
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
    }
}
