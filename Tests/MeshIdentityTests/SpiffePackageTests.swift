import Foundation
import MeshIdentity
import MeshTLS
import MeshTypes
import Testing

/// The Python package `spiffe`, where `scripts/peers.sh` put it.
enum SpiffePackage {
    private static let python = FileManager.default.currentDirectoryPath + "/.build/peers/venv/bin/python"
    static let isThere = FileManager.default.fileExists(atPath: python) && run(python, "-c", "import spiffe").status == 0

    /// - Returns: the SPIFFE ID that it reads, and how many certificates the chain and the bundle have.
    static func read(chain: [[UInt8]], keyPEM: String, roots: String, in scratch: Scratch) throws -> (status: Int32, output: String) {
        try pemText(chain).write(toFile: scratch.path + "/svid.pem", atomically: true, encoding: .utf8)
        try keyPEM.write(toFile: scratch.path + "/svid.key", atomically: true, encoding: .utf8)
        let script = """
            import sys
            from spiffe import X509Svid, X509Bundle, TrustDomain
            chain, key, root = (open(path, "rb").read() for path in sys.argv[1:4])
            svid = X509Svid.parse(chain, key)
            bundle = X509Bundle.parse(TrustDomain("daarion.city"), root)
            print(svid.spiffe_id, len(svid.cert_chain), len(bundle.x509_authorities))
            """
        return run(python, "-c", script, scratch.path + "/svid.pem", scratch.path + "/svid.key", roots)
    }
}

/// The package reads what we issue, and checks it by the standard's rules.
@Suite struct SpiffePackageTests {
    @Test(
        .enabled(if: SpiffePackage.isThere || ProcessInfo.processInfo.environment["CI"] == "true", "run scripts/peers.sh .build/peers"))

    func readsASVID() throws {
        let scratch = Scratch()
        let authority = try EmbeddedCA.open(directory: scratch.authority, trustDomain: "daarion.city", node: "node-1")
        // Its key is made here, as a service's never can be: those do not leave the memory.
        let (keyPEM, request) = try NodeCredential.newRequest()
        let issued = try authority.issue(
            .service(.of("wallet")), publicKeyDER: try CertificateRequest(der: request).publicKeyDER, lifetime: .seconds(600), now: Date(),
            to: "node-1")
        let answer = try SpiffePackage.read(
            chain: issued.chainDER, keyPEM: keyPEM, roots: scratch.authority + "/root.pem", in: scratch)
        #expect(answer.status == 0 && answer.output == "spiffe://daarion.city/ns/default/sa/wallet 1 1\n", "\(answer.output)")
    }
}
