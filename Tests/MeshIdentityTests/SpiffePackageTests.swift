import Foundation
import MeshIdentity
import MeshTLS
import MeshTypes
import Testing

/// The Python package `spiffe` reads what we issue, and checks it by the standard's rules.
@Suite struct SpiffePackageTests {
    /// Where `scripts/peers.sh` put it.
    private static let python = FileManager.default.currentDirectoryPath + "/.build/peers/venv/bin/python"
    private static let isThere = FileManager.default.fileExists(atPath: python) && run(python, "-c", "import spiffe").status == 0

    @Test(.enabled(if: isThere || ProcessInfo.processInfo.environment["CI"] == "true", "run scripts/peers.sh .build/peers"))
    func readsASVID() throws {
        let scratch = Scratch()
        let authority = try EmbeddedCA.open(directory: scratch.authority, trustDomain: "daarion.city", node: "node-1")
        // Its key is made here, as a service's never can be: those do not leave the memory.
        let (keyPEM, request) = try NodeCredential.newRequest()
        let issued = try authority.issue(
            .service(.of("wallet")), publicKeyDER: try CertificateRequest(der: request).publicKeyDER, lifetime: .seconds(600), now: Date(),
            to: "node-1")
        let pem = issued.chainDER.map {
            "-----BEGIN CERTIFICATE-----\n\(Data($0).base64EncodedString(options: .lineLength64Characters))\n-----END CERTIFICATE-----\n"
        }.joined()
        try pem.write(toFile: scratch.path + "/chain.pem", atomically: true, encoding: .utf8)
        try keyPEM.write(toFile: scratch.path + "/key.pem", atomically: true, encoding: .utf8)
        let script = """
            import sys
            from spiffe import X509Svid, X509Bundle, TrustDomain
            chain, key, root = (open(path, "rb").read() for path in sys.argv[1:4])
            svid = X509Svid.parse(chain, key)
            bundle = X509Bundle.parse(TrustDomain("daarion.city"), root)
            print(svid.spiffe_id, len(bundle.x509_authorities))
            """
        let answer = run(Self.python, "-c", script, scratch.path + "/chain.pem", scratch.path + "/key.pem", scratch.authority + "/root.pem")
        #expect(answer.status == 0 && answer.output == "spiffe://daarion.city/ns/default/sa/wallet 1\n", "\(answer.output)")
    }
}
