import Foundation
import MeshIdentity
import MeshTLS
import MeshTypes
import Testing

/// Intermediates made by the `openssl` program, as an outside authority would.
@Suite struct IntermediateTests {
    let scratch = Scratch()

    init() throws {
        try FileManager.default.createDirectory(atPath: scratch.path + "/out", withIntermediateDirectories: true)
        try openssl(
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-384", "-nodes", "-keyout", out("root.key"), "-out",
            out("roots.pem"), "-days", "30",
            "-subj", "/CN=Corporate root", "-addext", "basicConstraints=critical,CA:TRUE", "-addext",
            "keyUsage=critical,keyCertSign,cRLSign")
    }

    private func out(_ name: String) -> String { "\(scratch.path)/out/\(name)" }

    private func openssl(_ arguments: String...) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["openssl"] + arguments
        let pipe = Pipe()
        process.standardError = pipe
        process.standardOutput = pipe
        try process.run()
        let text = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        try #require(process.terminationStatus == 0, "openssl \(arguments): \(text)")
    }

    /// Writes chain.pem and key.pem.
    private func make(
        _ extensions: String = "basicConstraints=critical,CA:TRUE,pathlen:0\nkeyUsage=critical,keyCertSign,cRLSign",
        algorithm: String = "EC",
        days: String = "10"
    ) throws {
        let parameters = algorithm == "EC" ? ["-pkeyopt", "ec_paramgen_curve:P-384"] : ["-pkeyopt", "rsa_keygen_bits:2048"]
        try openssl2(["genpkey", "-algorithm", algorithm] + parameters + ["-out", out("key.pem")])
        try openssl("req", "-new", "-key", out("key.pem"), "-subj", "/CN=Mesh intermediate", "-out", out("csr.pem"))
        try "[v3]\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n\(extensions)\n".write(
            toFile: out("ext.cnf"), atomically: true, encoding: .utf8)
        try openssl(
            "x509", "-req", "-in", out("csr.pem"), "-CA", out("roots.pem"), "-CAkey", out("root.key"), "-days", days, "-extfile",
            out("ext.cnf"), "-extensions", "v3", "-out", out("chain.pem"))
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: out("key.pem"))
    }

    private func openssl2(_ arguments: [String]) throws {
        let result = Process()
        result.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        result.arguments = ["openssl"] + arguments
        result.standardError = Pipe()
        try result.run()
        result.waitUntilExit()
        try #require(result.terminationStatus == 0)
    }

    private func open(_ trustDomain: String = "daarion.city") throws -> EmbeddedCA {
        try EmbeddedCA.open(
            directory: scratch.authority, trustDomain: trustDomain,
            source: .intermediate(certificate: out("chain.pem"), key: out("key.pem"), roots: out("roots.pem")))
    }

    private func failure(_ trustDomain: String = "daarion.city") -> AuthorityFailure? {
        do { _ = try open(trustDomain) } catch { return error as? AuthorityFailure }
        return nil
    }

    private func issue(_ authority: EmbeddedCA) throws -> [[UInt8]] {
        try authority.issue(
            .service(.of("wallet")), publicKeyDER: TLSPrivateKey().publicKeyDER, lifetime: .seconds(600), now: Date(), to: "node-1"
        ).chainDER
    }

    @Test(arguments: ["EC", "RSA"]) func signsAndSendsTheChain(algorithm: String) throws {
        try make(algorithm: algorithm)
        let authority = try open()
        let chain = try issue(authority)
        #expect(chain.count == 2)
        #expect(
            try ChainCheck.verify(chain, trust: TrustBundle(rootsDER: authority.trust().roots), purpose: .client).uri.hasSuffix("/wallet"))
        let verdict = try opensslVerdict(chain[0])
        #expect(verdict.status == 0, "\(verdict)")
        #expect(!FileManager.default.fileExists(atPath: scratch.authority + "/root.key"), "no root of its own is made")
    }

    private static let authority = "basicConstraints=critical,CA:TRUE,pathlen:0\nkeyUsage=critical,keyCertSign,cRLSign\n"

    /// Writes leaf.pem. - Returns: what `openssl verify` says of it.
    private func opensslVerdict(_ leaf: [UInt8]) throws -> (status: Int32, output: String) {
        try pemText([leaf]).write(toFile: out("leaf.pem"), atomically: true, encoding: .utf8)
        return run(
            "openssl", "verify", "-x509_strict", "-purpose", "sslserver", "-CAfile", out("roots.pem"), "-untrusted", out("chain.pem"),
            out("leaf.pem"))
    }

    /// RFC 5280 §4.2.1.10: constraints on the host of a URI, and on DNS names, that let the mesh's names through.
    @Test(arguments: [
        "permitted;URI:daarion.city", "permitted;URI:daarion.city,permitted;DNS:svc", "excluded;URI:elsewhere.example",
        "permitted;URI:daarion.city,excluded;DNS:corp.example", "permitted;URI:elsewhere.example,permitted;URI:daarion.city",
    ])
    func nameConstraintsThatPermitTheTrustDomainAreFineForEverybody(constraints: String) throws {
        try make(Self.authority + "nameConstraints=critical,\(constraints)")
        let authority = try open()
        let chain = try issue(authority)
        _ = try ChainCheck.verify(chain, trust: TrustBundle(rootsDER: authority.trust().roots), purpose: .server)
        let verdict = try opensslVerdict(chain[0])
        #expect(verdict.status == 0, "\(verdict)")
    }

    /// Nothing is signed with it: OpenSSL would refuse what it signs, as every node would.
    @Test(arguments: [
        "excluded;URI:daarion.city", "permitted;URI:elsewhere.example", "permitted;URI:.daarion.city", "permitted;DNS:corp.example",
        "permitted;URI:daarion.city,excluded;DNS:svc", "permitted;URI:daarion.city,excluded;URI:daarion.city",
    ])
    func nameConstraintsThatExcludeTheTrustDomainAreRefused(constraints: String) throws {
        try make(Self.authority + "nameConstraints=critical,\(constraints)")
        let refusal = try #require(failure())
        #expect(refusal.code == .request && refusal.what.contains("name constraints"), "\(refusal)")
        // A certificate as it would have been, signed by the openssl program.
        try openssl(
            "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", out("leaf.key"), "-subj",
            "/CN=wallet",
            "-out", out("leaf.csr"))
        try """
        [v3]
        basicConstraints=critical,CA:FALSE
        keyUsage=critical,digitalSignature
        extendedKeyUsage=serverAuth,clientAuth
        subjectKeyIdentifier=hash
        authorityKeyIdentifier=keyid
        subjectAltName=DNS:wallet.default.svc,URI:spiffe://daarion.city/ns/default/sa/wallet
        """.write(toFile: out("leaf.cnf"), atomically: true, encoding: .utf8)
        try openssl(
            "x509", "-req", "-in", out("leaf.csr"), "-CA", out("chain.pem"), "-CAkey", out("key.pem"), "-days", "2", "-extfile",
            out("leaf.cnf"), "-extensions", "v3", "-out", out("leaf.pem"))
        let verdict = run(
            "openssl", "verify", "-x509_strict", "-CAfile", out("roots.pem"), "-untrusted", out("chain.pem"), out("leaf.pem"))
        #expect(verdict.status != 0 && verdict.output.contains("subtree violation"), "\(verdict)")
    }

    /// The Python package `spiffe`, which checks leaf and intermediates by the standard's rules.
    @Test(
        .enabled(if: SpiffePackage.isThere || ProcessInfo.processInfo.environment["CI"] == "true", "run scripts/peers.sh .build/peers"))

    func anIndependentLibraryTakesTheChain() throws {
        try make(Self.authority + "subjectAltName=URI:spiffe://daarion.city\nnameConstraints=critical,permitted;URI:daarion.city")
        let authority = try open()
        let (keyPEM, request) = try NodeCredential.newRequest()
        let issued = try authority.issue(
            .service(.of("wallet")), publicKeyDER: try CertificateRequest(der: request).publicKeyDER, lifetime: .seconds(600), now: Date(),
            to: "node-1")
        let answer = try SpiffePackage.read(chain: issued.chainDER, keyPEM: keyPEM, roots: out("roots.pem"), in: scratch)
        #expect(answer.status == 0 && answer.output == "spiffe://daarion.city/ns/default/sa/wallet 2 1\n", "\(answer.output)")
    }

    @Test func readsNewFilesAndKeepsTheOldWhileTheyDoNotFit() throws {
        try make()
        let authority = try open()
        let first = authority.issuerDER
        try FileManager.default.removeItem(atPath: out("key.pem"))
        #expect(throws: AuthorityFailure.self) { _ = try authority.trust() }
        _ = try issue(authority)
        #expect(authority.issuerDER == first)
        try make()
        _ = try authority.trust()
        #expect(authority.issuerDER != first)
        _ = try issue(authority)
    }

    @Test func refusesWhatDoesNotFit() throws {
        try make("basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature")
        #expect(failure()?.what.contains("not a CA's") == true, "\(String(describing: failure()))")
        try make("basicConstraints=critical,CA:TRUE\nkeyUsage=critical,cRLSign")
        #expect(failure()?.what.contains("may not sign") == true, "\(String(describing: failure()))")
        try make()
        let chain = try String(contentsOfFile: out("chain.pem"), encoding: .utf8)
        try make()
        try chain.write(toFile: out("chain.pem"), atomically: true, encoding: .utf8)
        #expect(failure()?.what.contains("is not the key") == true)
        try make(days: "-1")
        #expect(failure()?.code == .validity)
    }

    @Test func refusesAnotherTrustDomain() throws {
        let base = "basicConstraints=critical,CA:TRUE,pathlen:0\nkeyUsage=critical,keyCertSign,cRLSign\n"
        try make(base + "subjectAltName=URI:spiffe://elsewhere.example")
        #expect(failure()?.code == .trustDomain)
        #expect(failure("elsewhere.example") == nil)
        try make(base + "nameConstraints=critical,permitted;URI:elsewhere.example")
        #expect(failure()?.what.contains("name constraints") == true, "\(String(describing: failure()))")
        try make(base + "nameConstraints=critical,permitted;URI:daarion.city")
        #expect(failure() == nil)
    }

    @Test func refusesAPathThatIsTooLongOrLeadsNowhere() throws {
        try openssl(
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-384", "-nodes", "-keyout", out("root.key"), "-out",
            out("roots.pem"), "-days", "30",
            "-subj", "/CN=Narrow root", "-addext", "basicConstraints=critical,CA:TRUE,pathlen:0", "-addext",
            "keyUsage=critical,keyCertSign,cRLSign")
        try make()
        #expect(failure()?.what.contains("path length") == true, "\(String(describing: failure()))")
        let other = Scratch()
        _ = try EmbeddedCA.open(directory: other.authority, trustDomain: "daarion.city")
        try other.text("root.pem").write(toFile: out("roots.pem"), atomically: true, encoding: .utf8)
        #expect(failure()?.what.contains("does not lead to") == true)
    }

    @Test func refusesAKeyThatOthersCanRead() throws {
        try make()
        try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: out("key.pem"))
        #expect(failure()?.code == .permissions)
    }
}
