import Foundation

/// An authority and one certificate for each end, P-256, made with the openssl command for this run only.
struct Certificates {
    /// One end's files; `both` holds certificate and key, as HAProxy wants them.
    struct Files {
        let certificate: String
        let key: String
        let both: String
    }

    let authority: String
    let near: Files
    let far: Files

    init(directory: URL) throws {
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        let path = { (name: String) in directory.appendingPathComponent(name).path }
        let authority = path("authority.pem")
        self.authority = authority
        try Child.output([
            "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1",
            "-subj", "/CN=bench", "-keyout", path("authority.key"), "-out", authority,
        ])
        func issue(_ name: String) throws -> Files {
            try Child.output([
                "openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=\(name)",
                "-keyout", path(name + ".key"), "-out", path(name + ".csr"),
            ])
            let extensions = """
                subjectAltName=DNS:\(name).default.svc,URI:spiffe://cluster.local/ns/default/sa/\(name)
                keyUsage=critical,digitalSignature
                extendedKeyUsage=serverAuth,clientAuth
                basicConstraints=critical,CA:false
                subjectKeyIdentifier=hash
                authorityKeyIdentifier=keyid
                """
            try extensions.write(toFile: path(name + ".ext"), atomically: true, encoding: .utf8)
            try Child.output([
                "openssl", "x509", "-req", "-in", path(name + ".csr"), "-CA", authority, "-CAkey", path("authority.key"),
                "-CAcreateserial", "-days", "1", "-extfile", path(name + ".ext"), "-out", path(name + ".pem"),
            ])
            let both =
                try String(contentsOfFile: path(name + ".pem"), encoding: .utf8)
                + String(contentsOfFile: path(name + ".key"), encoding: .utf8)
            try both.write(toFile: path(name + ".both"), atomically: true, encoding: .utf8)
            return Files(certificate: path(name + ".pem"), key: path(name + ".key"), both: path(name + ".both"))
        }
        near = try issue("near")
        far = try issue("far")
    }
}
