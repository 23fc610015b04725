import Foundation
import MeshIdentity
import Testing

/// A root that is kept offline, and intermediates of it, made by the commands that docs/identity.md gives.
final class CorporateRoot: Sendable {
    let path = "\(NSTemporaryDirectory())/myelin-root-\(UUID().uuidString)"

    init() throws {
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        try shell(
            """
            openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-384 -nodes -keyout root.key -out root.pem -days 3650 \\
              -subj "/CN=Mesh root" -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign
            """)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// Makes it, or makes it anew.
    func intermediate(_ name: String, days: Int = 365) throws -> AuthoritySource {
        try shell(
            """
            cat >mesh.ext <<END
            basicConstraints = critical, CA:TRUE, pathlen:0
            keyUsage = critical, keyCertSign, cRLSign
            nameConstraints = critical, permitted;URI:daarion.city
            subjectKeyIdentifier = hash
            authorityKeyIdentifier = keyid
            END
            openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout \(name).key -subj "/CN=Mesh authority \(name)" -out \(name).csr
            openssl x509 -req -in \(name).csr -CA root.pem -CAkey root.key -CAcreateserial -days \(days) -extfile mesh.ext -out \(name).pem
            chmod 600 \(name).key
            """)
        return .intermediate(certificate: "\(path)/\(name).pem", key: "\(path)/\(name).key", roots: "\(path)/root.pem")
    }

    private func shell(_ script: String) throws {
        let process = Process()
        let pipe = Pipe()
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.arguments = ["-e", "-c", script]
        process.currentDirectoryURL = URL(fileURLWithPath: path)
        process.standardOutput = pipe
        process.standardError = pipe
        try process.run()
        let text = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        try #require(process.terminationStatus == 0, "\(text)")
    }
}
