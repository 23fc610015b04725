internal import Crypto
internal import Foundation
internal import Glibc
internal import MeshTypes
internal import X509

/// The embedded authority's key and certificates in its directory.
///
/// `root.key` (PKCS#8 PEM, 0600) and `root.pem` sign. During a change of root `next.key` and `next.pem` are trusted already, or
/// `previous.pem` still. `trusted.pem` may hold further roots.
enum RootFiles {
    static let key = "root.key"
    static let root = "root.pem"
    static let nextKey = "next.key"
    static let next = "next.pem"
    static let previous = "previous.pem"
    static let furtherRoots = "trusted.pem"
    static let all = [key, root, nextKey, next, previous, furtherRoots]

    /// Reads the authority, or makes it on first use.
    static func load(in files: borrowing AuthorityDirectory, trustDomain: String, now: Date) throws(AuthorityFailure) -> IssuingMaterial {
        try finishActivation(in: files)
        let (key, root) = try readOrMake(in: files, trustDomain: trustDomain, now: now)
        try check(root, key, directory: files.path, trustDomain: trustDomain, now: now)
        var roots = [try der(root)]
        for name in [next, previous, furtherRoots] {
            guard let bytes = try files.read(name, secret: false) else { continue }
            for found in try PEMFile.certificates(bytes, path: "\(files.path)/\(name)") where !roots.contains(found) { roots.append(found) }
        }
        return IssuingMaterial(
            issuer: root, key: Certificate.PrivateKey(key), chainDER: [], rootsDER: roots, notBefore: root.notValidBefore,
            notAfter: root.notValidAfter, keyPEM: key.pemRepresentation, issuerDER: roots[0])
    }

    private static func readOrMake(
        in files: borrowing AuthorityDirectory, trustDomain: String, now: Date
    ) throws(AuthorityFailure) -> (P256.Signing.PrivateKey, Certificate) {
        let directory = files.path
        let keyPEM = try files.read(key, secret: true)
        let rootPEM = try files.read(root, secret: false)
        switch (keyPEM, rootPEM) {
        case (nil, nil):
            let made = P256.Signing.PrivateKey()
            try files.write(key, Array((made.pemRepresentation + "\n").utf8), mode: 0o600)
            return (made, try makeRoot(trustDomain, made, now, as: root, in: files))
        case (let keyPEM?, nil):
            // Only a creation that was cut short leaves this: the key was never used, or its certificate is made again.
            let kept = try parseKey(keyPEM, "\(directory)/\(key)")
            return (kept, try makeRoot(trustDomain, kept, now, as: root, in: files))
        case (nil, _?):
            throw AuthorityFailure(
                .damaged, "\(directory)/\(root) is there, but its key \(key) is missing",
                advice: "restore the key from a backup, or move \(root) away to begin a new authority")
        case (let keyPEM?, let rootPEM?):
            return (try parseKey(keyPEM, "\(directory)/\(key)"), try parse(rootPEM, "\(directory)/\(root)"))
        }
    }

    private static func check(
        _ root: Certificate, _ key: P256.Signing.PrivateKey, directory: String, trustDomain: String, now: Date
    ) throws(AuthorityFailure) {
        guard root.publicKey == Certificate.PublicKey(key.publicKey) else {
            throw AuthorityFailure(
                .damaged, "\(directory)/\(Self.key) is not the key of \(Self.root)", advice: "restore both from one backup")
        }
        guard let found = CertificateProfile.trustDomain(of: root), found == trustDomain else {
            throw AuthorityFailure(
                .trustDomain,
                "\(directory) holds the authority of trust domain \(CertificateProfile.trustDomain(of: root) ?? "(none)"), not of \(trustDomain)",
                advice: "correct `trust_domain`, or give this one another `ca.directory`")
        }
        guard root.notValidBefore <= now else {
            throw AuthorityFailure(
                .validity, "the root certificate is valid only from \(root.notValidBefore)", advice: "check this node's clock")
        }
        guard now < root.notValidAfter else {
            throw AuthorityFailure(
                .validity, "the root certificate expired at \(root.notValidAfter)",
                advice: "begin a new authority in another `ca.directory`")
        }
    }

    /// An activation that a crash cut short left the next root's key in place of the old one's.
    private static func finishActivation(in files: borrowing AuthorityDirectory) throws(AuthorityFailure) {
        guard let keyPEM = try files.read(key, secret: true), let rootPEM = try files.read(root, secret: false),
            let nextPEM = try files.read(next, secret: false)
        else { return }
        // What cannot be read is somebody else's finding.
        guard let signing = try? parseKey(keyPEM, key), let current = try? parse(rootPEM, root), let coming = try? parse(nextPEM, next)
        else { return }
        let own = Certificate.PublicKey(signing.publicKey)
        if own == coming.publicKey, own != current.publicKey { try files.write(root, nextPEM, mode: 0o644) }
        if own == coming.publicKey {
            try files.remove(nextKey)
            try files.remove(next)
        }
    }

    static func makeRoot(
        _ trustDomain: String, _ key: P256.Signing.PrivateKey, _ now: Date, as name: String, in files: borrowing AuthorityDirectory
    ) throws(AuthorityFailure) -> Certificate {
        let root: Certificate
        let pem: String
        do {
            root = try CertificateProfile.root(trustDomain: trustDomain, key: key, now: now)
            pem = try root.serializeAsPEM().pemString
        } catch {
            throw AuthorityFailure(.damaged, "cannot make a root certificate: \(error)", advice: "check `trust_domain`")
        }
        try files.write(name, Array((pem + "\n").utf8), mode: 0o644)
        return root
    }

    static func parseKey(_ pem: consuming [UInt8], _ path: String) throws(AuthorityFailure) -> P256.Signing.PrivateKey {
        var bytes = pem
        defer { bytes.withUnsafeMutableBytes { explicit_bzero($0.baseAddress!, $0.count) } }
        guard let key = try? P256.Signing.PrivateKey(pemRepresentation: String(decoding: bytes, as: UTF8.self)) else {
            throw AuthorityFailure(.damaged, "\(path) is not a P-256 key in PEM", advice: "restore it from a backup")
        }
        return key
    }

    static func parse(_ pem: [UInt8], _ path: String) throws(AuthorityFailure) -> Certificate {
        guard let certificate = try? Certificate(pemEncoded: String(decoding: pem, as: UTF8.self)) else {
            throw AuthorityFailure(.damaged, "\(path) is not a certificate in PEM", advice: "restore it from a backup")
        }
        return certificate
    }

    private static func der(_ certificate: Certificate) throws(AuthorityFailure) -> [UInt8] {
        do { return try CertificateProfile.der(certificate) } catch {
            throw AuthorityFailure(.damaged, "\(root) cannot be encoded: \(error)", advice: "restore it from a backup")
        }
    }
}
