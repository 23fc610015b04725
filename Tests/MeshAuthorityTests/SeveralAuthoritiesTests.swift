import Foundation
import MeshAuthority
import MeshIdentity
import MeshTLS
import MeshTypes
import Testing

/// Two authorities on two machines that share nothing: each signs with an intermediate of one root, which lies elsewhere.
@Suite(.serialized) final class SeveralAuthoritiesTests {
    private let path = "\(NSTemporaryDirectory())/myelin-authorities-\(UUID().uuidString)"
    private let roots: String
    private let first: ServedAuthority
    private let second: ServedAuthority

    init() async throws {
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        roots = "\(path)/root.pem"
        let key = ["ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
        try await Self.openssl(
            ["req", "-x509", "-newkey"] + key + [
                "-keyout", "\(path)/root.key", "-out", roots, "-days", "30", "-subj", "/CN=Root", "-addext",
                "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign,cRLSign",
            ])
        try "basicConstraints=critical,CA:TRUE,pathlen:0\nkeyUsage=critical,keyCertSign,cRLSign\n".write(
            toFile: "\(path)/extensions", atomically: true, encoding: .utf8)
        var made: [ServedAuthority] = []
        for name in ["first", "second"] {
            let files = (certificate: "\(path)/\(name).pem", key: "\(path)/\(name).key")
            try await Self.openssl(
                ["req", "-newkey"] + key + ["-keyout", files.key, "-out", "\(path)/\(name).csr", "-subj", "/CN=\(name) intermediate"])
            try await Self.openssl([
                "x509", "-req", "-in", "\(path)/\(name).csr", "-CA", roots, "-CAkey", "\(path)/root.key", "-CAcreateserial", "-days", "10",
                "-extfile", "\(path)/extensions", "-out", files.certificate,
            ])
            chmod(files.key, 0o600)
            made.append(
                try ServedAuthority(
                    "\(path)/\(name)", source: .intermediate(certificate: files.certificate, key: files.key, roots: roots)))
        }
        (first, second) = (made[0], made[1])
        try await first.start()
        try await second.start()
        for authority in made { authority.book.place("wallet", on: "node-2") }
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    private static func openssl(_ words: [String]) async throws {
        let result = await run("openssl", words)
        try #require(result.status == 0, "\(result.output)")
    }

    private func check(_ issued: IssuedCertificate, by authority: ServedAuthority) async throws {
        try pemText([issued.chainDER[0]]).write(toFile: "\(path)/leaf.pem", atomically: true, encoding: .utf8)
        try pemText(Array(issued.chainDER.dropFirst())).write(toFile: "\(path)/above.pem", atomically: true, encoding: .utf8)
        let verdict = await run(
            "openssl", ["verify", "-x509_strict", "-CAfile", roots, "-untrusted", "\(path)/above.pem", "\(path)/leaf.pem"])
        #expect(verdict.status == 0, "\(verdict.output)")
        #expect(issued.chainDER.last == authority.authority.issuerDER)
    }

    @Test func whatOneGaveTheOtherRenews() async throws {
        let node = try first.node("node-2", token: try first.token("node-2"), servers: [first.address, second.address])
        try await check(try await node.patientCertificate("wallet"), by: first)
        await first.stop()
        try await check(try await node.patientCertificate("wallet"), by: second)
        #expect(second.desk.statistics.joined == 0, "the certificate of the node counts there as well")
        await second.stop()
    }

    /// The token is the second one's: the first one does not know it, and that is no end.
    @Test func aTokenIsGoodAtTheOneThatMadeIt() async throws {
        let node = try first.node("node-2", token: try second.token("node-2"), servers: [first.address, second.address])
        _ = try await node.patientCertificate("wallet")
        #expect(first.desk.statistics.joined == 0 && second.desk.statistics.joined == 1)
        await first.stop()
        await second.stop()
    }

    @Test func aTokenIsNotGivenUpWhileItsMakerIsAway() async throws {
        let address = first.address
        await first.stop()
        let node = try first.node("node-2", token: try first.token("node-2"), servers: [address, second.address])
        #expect(await eventually { await code { _ = try await node.certificate("wallet") } != .token })
        #expect(await code { _ = try await node.certificate("wallet") } == .unreachable)
        try await first.start()
        #expect(await eventually { (try? await node.certificate("wallet")) != nil })
        #expect(first.desk.statistics.joined == 1)
        await first.stop()
        await second.stop()
    }
}
