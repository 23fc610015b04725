internal import Crypto
package import Foundation
internal import Glibc
package import MeshTypes
internal import X509

/// The certificate authority inside the daemon (R1.5): a P-256 root key and certificate in a private directory.
///
/// Files: `root.key` (PKCS#8 PEM, 0600), `root.pem`, and optionally `trusted.pem` with further roots that peers may descend from
/// while the authority is changed.
package final class EmbeddedCA: CertificateAuthority {
    package static let minimumLifetime = Duration.seconds(60)
    private static let keyFile = "root.key"
    private static let rootFile = "root.pem"
    private static let extraRootsFile = "trusted.pem"

    package let trustDomain: String
    /// DER.
    package let rootDER: [UInt8]
    package let rootNotAfter: Date
    private let directory: String
    private let key: P256.Signing.PrivateKey
    private let root: Certificate

    /// Reads the authority, or makes it on first use. Two daemons that open it at once share one.
    package static func open(directory: String, trustDomain: String, now: Date = Date()) throws(AuthorityFailure) -> EmbeddedCA {
        guard SPIFFEID.isTrustDomain(trustDomain) else {
            throw AuthorityFailure(
                .request, "\"\(trustDomain)\" is not a trust domain",
                advice: "use lower-case letters, digits, dots and dashes, such as daarion.city")
        }
        let files = try AuthorityDirectory(directory)
        let keyPEM = try files.read(keyFile, secret: true)
        let rootPEM = try files.read(rootFile, secret: false)
        let key: P256.Signing.PrivateKey
        let root: Certificate
        switch (keyPEM, rootPEM) {
        case (nil, nil):
            key = P256.Signing.PrivateKey()
            try files.write(keyFile, Array((key.pemRepresentation + "\n").utf8), mode: 0o600)
            root = try makeRoot(trustDomain, key, now, in: files)
        case (let keyPEM?, nil):
            // Only a creation that was cut short leaves this: the key was never used, or its certificate is made again.
            key = try parseKey(keyPEM, directory)
            root = try makeRoot(trustDomain, key, now, in: files)
        case (nil, _?):
            throw AuthorityFailure(
                .damaged, "\(directory)/\(rootFile) is there, but its key \(keyFile) is missing",
                advice: "restore the key from a backup, or move \(rootFile) away to begin a new authority")
        case (let keyPEM?, let rootPEM?):
            key = try parseKey(keyPEM, directory)
            root = try parseRoot(rootPEM, directory)
        }
        let authority = try EmbeddedCA(directory, trustDomain, key, root, now)
        _ = try authority.extraRoots()
        return authority
    }

    private init(
        _ directory: String, _ trustDomain: String, _ key: P256.Signing.PrivateKey, _ root: Certificate, _ now: Date
    ) throws(AuthorityFailure) {
        guard root.publicKey == Certificate.PublicKey(key.publicKey) else {
            throw AuthorityFailure(
                .damaged, "\(directory)/\(Self.keyFile) is not the key of \(Self.rootFile)", advice: "restore both from one backup")
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
        do {
            rootDER = try CertificateProfile.der(root)
        } catch {
            throw AuthorityFailure(.damaged, "\(Self.rootFile) cannot be encoded: \(error)", advice: "restore it from a backup")
        }
        self.directory = directory
        self.trustDomain = trustDomain
        self.key = key
        self.root = root
        rootNotAfter = root.notValidAfter
    }

    package func trustedRoots() async throws(AuthorityFailure) -> [[UInt8]] {
        [rootDER] + (try extraRoots()).filter { $0 != rootDER }
    }

    package func issue(
        for identity: SPIFFEID, publicKeyDER: [UInt8], lifetime: Duration, now: Date
    ) async throws(AuthorityFailure) -> IssuedCertificate {
        guard identity.trustDomain == trustDomain else {
            throw AuthorityFailure(
                .request, "\(identity) is not of trust domain \(trustDomain)", advice: "ask its own authority")
        }
        guard lifetime >= Self.minimumLifetime else {
            throw AuthorityFailure(.request, "a lifetime of \(lifetime) is too short", advice: "use at least \(Self.minimumLifetime)")
        }
        guard now < root.notValidAfter else {
            throw AuthorityFailure(
                .validity, "the root certificate expired at \(root.notValidAfter)", advice: "begin a new authority")
        }
        guard let publicKey = try? P256.Signing.PublicKey(derRepresentation: publicKeyDER) else {
            throw AuthorityFailure(.request, "the key for \(identity) is not a P-256 key", advice: "ask with a P-256 key")
        }
        let notBefore = max(now.addingTimeInterval(-CertificateProfile.backdating), root.notValidBefore)
        let notAfter = min(now.addingTimeInterval(lifetime.inSeconds), root.notValidAfter)
        do {
            let leaf = try CertificateProfile.svid(
                identity, publicKey: publicKey, notBefore: notBefore, notAfter: notAfter, root: root, key: key)
            return IssuedCertificate(
                chainDER: [try CertificateProfile.der(leaf)], notBefore: leaf.notValidBefore, notAfter: leaf.notValidAfter)
        } catch {
            throw AuthorityFailure(.request, "cannot sign for \(identity): \(error)", advice: "report it: the request looked right")
        }
    }

    /// The roots of `trusted.pem`, read anew so that a change needs no restart.
    private func extraRoots() throws(AuthorityFailure) -> [[UInt8]] {
        let path = "\(directory)/\(Self.extraRootsFile)"
        guard let bytes = try PrivateFile.read(path, secret: false) else { return [] }
        return try PEMFile.certificates(bytes, path: path)
    }

    private static func makeRoot(
        _ trustDomain: String, _ key: P256.Signing.PrivateKey, _ now: Date, in files: borrowing AuthorityDirectory
    ) throws(AuthorityFailure) -> Certificate {
        let root: Certificate
        let pem: String
        do {
            root = try CertificateProfile.root(trustDomain: trustDomain, key: key, now: now)
            pem = try root.serializeAsPEM().pemString
        } catch {
            throw AuthorityFailure(.damaged, "cannot make a root certificate: \(error)", advice: "check `trust_domain`")
        }
        try files.write(rootFile, Array((pem + "\n").utf8), mode: 0o644)
        return root
    }

    private static func parseKey(_ pem: consuming [UInt8], _ directory: String) throws(AuthorityFailure) -> P256.Signing.PrivateKey {
        var bytes = pem
        defer { bytes.withUnsafeMutableBytes { explicit_bzero($0.baseAddress!, $0.count) } }
        guard let key = try? P256.Signing.PrivateKey(pemRepresentation: String(decoding: bytes, as: UTF8.self)) else {
            throw AuthorityFailure(
                .damaged, "\(directory)/\(keyFile) is not a P-256 key in PEM", advice: "restore it from a backup")
        }
        return key
    }

    private static func parseRoot(_ pem: [UInt8], _ directory: String) throws(AuthorityFailure) -> Certificate {
        guard let root = try? Certificate(pemEncoded: String(decoding: pem, as: UTF8.self)) else {
            throw AuthorityFailure(
                .damaged, "\(directory)/\(rootFile) is not a certificate in PEM", advice: "restore it from a backup")
        }
        return root
    }
}
