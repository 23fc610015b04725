internal import Crypto
internal import Foundation
internal import MeshTypes
internal import SwiftASN1
internal import X509

/// What the embedded authority's certificates look like.
enum CertificateProfile {
    /// Clocks of nodes may differ by this much.
    static let backdating: TimeInterval = 60
    static let rootLifetime: TimeInterval = 10 * 365 * 86400
    /// One intermediate may stand between root and SVID, so that a node can be given one later.
    static let rootPathLength = 1
    private static let serialBytes = 16

    /// A self-signed root: `CN=Myelin root <trust domain>`, `URI:spiffe://<trust domain>` (X.509-SVID §3.2).
    static func root(trustDomain: String, key: P256.Signing.PrivateKey, now: Date) throws -> Certificate {
        let signer = Certificate.PrivateKey(key)
        let name = try DistinguishedName { CommonName("Myelin root \(trustDomain)".prefix(commonNameLimit).description) }
        return try Certificate(
            version: .v3, serialNumber: serial(), publicKey: signer.publicKey,
            notValidBefore: now.addingTimeInterval(-backdating), notValidAfter: now.addingTimeInterval(rootLifetime),
            issuer: name, subject: name, signatureAlgorithm: .ecdsaWithSHA256,
            extensions: try Certificate.Extensions {
                Critical(BasicConstraints.isCertificateAuthority(maxPathLength: rootPathLength))
                Critical(KeyUsage(keyCertSign: true, cRLSign: true))
                SubjectKeyIdentifier(hash: signer.publicKey)
                SubjectAlternativeNames([.uniformResourceIdentifier("spiffe://\(trustDomain)")])
            },
            issuerPrivateKey: signer)
    }

    /// A leaf (X.509-SVID §4); a service's as R1.1 says.
    static func leaf(
        _ subject: CertificateSubject, publicKey: P256.Signing.PublicKey, notBefore: Date, notAfter: Date, issuer: Certificate,
        key: Certificate.PrivateKey
    ) throws -> Certificate {
        let names = subject.dnsName.map { [GeneralName.dnsName($0)] } ?? []
        return try Certificate(
            version: .v3, serialNumber: serial(), publicKey: Certificate.PublicKey(publicKey), notValidBefore: notBefore,
            notValidAfter: notAfter, issuer: issuer.subject, subject: try DistinguishedName { CommonName(subject.commonName) },
            extensions: try Certificate.Extensions {
                Critical(BasicConstraints.notCertificateAuthority)
                Critical(KeyUsage(digitalSignature: true))
                try ExtendedKeyUsage([.serverAuth, .clientAuth])
                SubjectKeyIdentifier(hash: Certificate.PublicKey(publicKey))
                AuthorityKeyIdentifier(keyIdentifier: keyIdentifier(of: issuer))
                SubjectAlternativeNames(names + [.uniformResourceIdentifier(subject.uri)])
            },
            issuerPrivateKey: key)
    }

    /// When a certificate was made: it is valid from before that.
    static func issued(notBefore: Date) -> Date { notBefore.addingTimeInterval(backdating) }

    /// As the issuer says it, so that a path is found by it (RFC 5280 §4.2.1.1).
    private static func keyIdentifier(of issuer: Certificate) -> ArraySlice<UInt8> {
        (try? issuer.extensions.subjectKeyIdentifier)?.keyIdentifier ?? SubjectKeyIdentifier(hash: issuer.publicKey).keyIdentifier
    }

    /// Upper-case hexadecimal, as OpenSSL writes it.
    static func serial(of certificate: Certificate) -> String {
        certificate.serialNumber.bytes.map { byte in
            let text = String(byte, radix: 16, uppercase: true)
            return text.count == 1 ? "0" + text : text
        }.joined()
    }

    /// The trust domain that a root was made for; nil if it names none.
    static func trustDomain(of root: Certificate) -> String? {
        guard let names = try? root.extensions.subjectAlternativeNames else { return nil }
        for case .uniformResourceIdentifier(let uri) in names where uri.hasPrefix("spiffe://") {
            return String(uri.dropFirst("spiffe://".count))
        }
        return nil
    }

    static func der(_ certificate: Certificate) throws -> [UInt8] {
        var serializer = DER.Serializer()
        try serializer.serialize(certificate)
        return serializer.serializedBytes
    }

    /// RFC 5280 appendix A: ub-common-name.
    static let commonNameLimit = 64

    /// 128 random bits (RFC 5280 §4.1.2.2 allows 160).
    private static func serial() -> Certificate.SerialNumber {
        var generator = SystemRandomNumberGenerator()
        var bytes = [UInt8](repeating: 0, count: serialBytes)
        for index in bytes.indices { bytes[index] = UInt8.random(in: .min ... .max, using: &generator) }
        return Certificate.SerialNumber(bytes: bytes)
    }
}
