import Foundation

/// SVIDs for peers that are not Myelin, issued by the openssl command from the root of a laboratory's authority.
enum ForeignCredential {
    /// Makes a root of its own in `directory` (`root.pem`, `root.key`), for tests without a daemon or with a wrong authority.
    static func makeAuthority(in directory: URL) throws {
        try EnvoyProcess.command([
            "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1",
            "-subj", "/CN=test root", "-addext", "keyUsage=critical,keyCertSign,cRLSign",
            "-keyout", directory.appendingPathComponent("root.key").path, "-out", directory.appendingPathComponent("root.pem").path,
        ])
    }

    /// Issues a certificate for `service` as the authority in `authority` (its directory) would; files go into `directory`.
    static func issue(
        service: String, namespace: String = "default", trustDomain: String, authority: URL, directory: URL
    ) throws -> EnvoyConfiguration.Credential {
        let path = { (name: String) in directory.appendingPathComponent("\(service)-\(name)").path }
        try EnvoyProcess.command([
            "openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=\(service)",
            "-keyout", path("key.pem"), "-out", path("request.pem"),
        ])
        let extensions = """
            subjectAltName=DNS:\(service).\(namespace).svc,URI:spiffe://\(trustDomain)/ns/\(namespace)/sa/\(service)
            keyUsage=critical,digitalSignature
            extendedKeyUsage=serverAuth,clientAuth
            basicConstraints=critical,CA:false
            subjectKeyIdentifier=hash
            authorityKeyIdentifier=keyid
            """
        try extensions.write(toFile: path("extensions"), atomically: true, encoding: .utf8)
        let root = authority.appendingPathComponent("root.pem").path
        try EnvoyProcess.command([
            "openssl", "x509", "-req", "-in", path("request.pem"), "-CA", root, "-CAkey", authority.appendingPathComponent("root.key").path,
            "-set_serial", "0x" + String(UInt64.random(in: 1...UInt64.max), radix: 16), "-days", "1",
            "-extfile", path("extensions"), "-out", path("certificate.pem"),
        ])
        return .init(certificate: path("certificate.pem"), key: path("key.pem"), authority: root)
    }
}
