internal import Crypto
internal import Foundation
internal import MeshTLS
internal import MeshTypes
internal import X509

/// An intermediate that another authority issued (cert-manager, Vault, SPIRE, a company's own), and what it must be to serve here.
enum IntermediateFiles {
    /// Certificates in the chain file: the intermediate and those above it.
    static let maximumChain = TLSCredential.maximumChain - 1

    /// - Throws: what does not fit, before anything is signed with it.
    static func load(
        certificate: String, key: String, roots: String, trustDomain: String, now: Date
    ) throws(AuthorityFailure) -> IssuingMaterial {
        let chainDER = try certificates(certificate)
        let rootsDER = try certificates(roots)
        let keyPEM = String(decoding: try bytes(key, secret: true), as: UTF8.self)
        guard let signer = try? Certificate.PrivateKey(pemEncoded: keyPEM) else {
            throw AuthorityFailure(.damaged, "\(key) is not a private key in PEM", advice: "write it as PKCS#8 without a password")
        }
        let chain = try parse(chainDER, certificate)
        guard let issuer = chain.first, chain.count <= maximumChain else {
            throw AuthorityFailure(
                .damaged, "\(certificate) holds \(chain.count) certificates, where 1 to \(maximumChain) are expected",
                advice: "the intermediate first, then those above it, without the root")
        }
        guard issuer.publicKey == signer.publicKey else {
            throw AuthorityFailure(
                .damaged, "\(key) is not the key of the first certificate in \(certificate)",
                advice: "put the intermediate first; while both files are replaced, the old pair stays in force")
        }
        try checkRights(of: issuer, in: certificate)
        let (from, until) = try checkValidity(chain, certificate, now)
        try checkPath(chainDER, rootsDER, certificate, roots, now)
        try checkNames(issuer, chainDER, signer, rootsDER, trustDomain, certificate, now)
        return IssuingMaterial(
            issuer: issuer, key: signer, chainDER: chainDER, rootsDER: rootsDER, notBefore: from, notAfter: until, keyPEM: keyPEM,
            issuerDER: chainDER[0])
    }

    /// RFC 5280 §4.2.1.3 and §4.2.1.9.
    private static func checkRights(of issuer: Certificate, in path: String) throws(AuthorityFailure) {
        guard case .isCertificateAuthority(let length)? = try? issuer.extensions.basicConstraints else {
            throw AuthorityFailure(
                .request, "the first certificate in \(path) is not a CA's (basic constraints)",
                advice: "have it issued with `CA:TRUE, pathlen:0`")
        }
        if let length, length < 0 {
            throw AuthorityFailure(.request, "\(path) has a path length of \(length)", advice: "have it issued with `pathlen:0`")
        }
        guard let usage = try? issuer.extensions.keyUsage, usage.keyCertSign else {
            throw AuthorityFailure(
                .request, "the first certificate in \(path) may not sign certificates (key usage)",
                advice: "have it issued with the key usages keyCertSign and cRLSign")
        }
    }

    private static func checkValidity(
        _ chain: [Certificate], _ path: String, _ now: Date
    ) throws(AuthorityFailure) -> (from: Date, until: Date) {
        let from = chain.map(\.notValidBefore).max() ?? now
        let until = chain.map(\.notValidAfter).min() ?? now
        guard from <= now else {
            throw AuthorityFailure(.validity, "\(path) is valid only from \(from)", advice: "check this node's clock")
        }
        guard now < until else {
            throw AuthorityFailure(.validity, "\(path) expired at \(until)", advice: "have it renewed, and write it there")
        }
        return (from, until)
    }

    /// RFC 5280 §6: the path up to the roots, as every node will check it.
    private static func checkPath(
        _ chainDER: [[UInt8]], _ rootsDER: [[UInt8]], _ path: String, _ roots: String, _ now: Date
    ) throws(AuthorityFailure) {
        do throws(TLSFailure) {
            let bundle = try TrustBundle(rootsDER: rootsDER)
            _ = try ChainCheck.verify(chainDER, trust: bundle, purpose: .authority, time: Int64(now.timeIntervalSince1970))
        } catch {
            throw AuthorityFailure(
                .request, "\(path) does not lead to \(roots): \(error.detail)",
                advice: "put those between the intermediate and the root behind it in \(path), and the root in \(roots)")
        }
    }

    /// Signs a certificate for a name of this trust domain and checks it: path length, name constraints and algorithms all show themselves.
    private static func checkNames(
        _ issuer: Certificate, _ chainDER: [[UInt8]], _ signer: Certificate.PrivateKey, _ rootsDER: [[UInt8]], _ trustDomain: String,
        _ path: String, _ now: Date
    ) throws(AuthorityFailure) {
        if let named = CertificateProfile.trustDomain(of: issuer), named != trustDomain {
            throw AuthorityFailure(
                .trustDomain, "\(path) is an authority of trust domain \(named), not of \(trustDomain)",
                advice: "correct `trust_domain`, or have it issued for this one")
        }
        do {
            let probe = ServiceIdentity(namespace: "default", name: ServiceName("probe")!)
            let leaf = try CertificateProfile.leaf(
                .service(SPIFFEID(trustDomain: trustDomain, service: probe)), publicKey: P256.Signing.PrivateKey().publicKey,
                notBefore: now.addingTimeInterval(-1), notAfter: now.addingTimeInterval(CertificateProfile.backdating), issuer: issuer,
                key: signer)
            _ = try ChainCheck.verify(
                [try CertificateProfile.der(leaf)] + chainDER, trust: TrustBundle(rootsDER: rootsDER), purpose: .server,
                time: Int64(now.timeIntervalSince1970))
        } catch let error as TLSFailure {
            throw AuthorityFailure(
                .request, "nodes would refuse what \(path) signs for \(trustDomain): \(error.detail)",
                advice: "have it issued with a path length of 0 or more, and without constraints on these names")
        } catch {
            throw AuthorityFailure(.request, "cannot sign with \(path): \(error)", advice: "use an RSA, P-256, P-384 or P-521 key")
        }
    }

    private static func bytes(_ path: String, secret: Bool) throws(AuthorityFailure) -> [UInt8] {
        // Kubernetes mounts secrets as links, and replaces them by another link.
        guard let real = realpath(path, nil) else {
            throw AuthorityFailure(.storage, "\(path) does not exist", advice: "correct `ca.intermediate`, or write the file")
        }
        defer { free(real) }
        guard let bytes = try PrivateFile.read(String(cString: real), secret: secret) else {
            throw AuthorityFailure(.storage, "\(path) does not exist", advice: "correct `ca.intermediate`, or write the file")
        }
        return bytes
    }

    private static func certificates(_ path: String) throws(AuthorityFailure) -> [[UInt8]] {
        try PEMFile.certificates(try bytes(path, secret: false), path: path)
    }

    private static func parse(_ chainDER: [[UInt8]], _ path: String) throws(AuthorityFailure) -> [Certificate] {
        do { return try chainDER.map { try Certificate(derEncoded: $0) } } catch {
            throw AuthorityFailure(.damaged, "\(path) cannot be read: \(error)", advice: "write it anew")
        }
    }
}
