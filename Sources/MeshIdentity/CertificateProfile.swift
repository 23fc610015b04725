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

    /// A service's certificate as R1.1 says.
    static func svid(
        _ identity: SPIFFEID, publicKey: P256.Signing.PublicKey, notBefore: Date, notAfter: Date, root: Certificate,
        key: P256.Signing.PrivateKey
    ) throws -> Certificate {
        let signer = Certificate.PrivateKey(key)
        return try Certificate(
            version: .v3, serialNumber: serial(), publicKey: Certificate.PublicKey(publicKey), notValidBefore: notBefore,
            notValidAfter: notAfter, issuer: root.subject,
            subject: try DistinguishedName { CommonName(identity.service.name.label) },
            signatureAlgorithm: .ecdsaWithSHA256,
            extensions: try Certificate.Extensions {
                Critical(BasicConstraints.notCertificateAuthority)
                Critical(KeyUsage(digitalSignature: true))
                try ExtendedKeyUsage([.serverAuth, .clientAuth])
                SubjectKeyIdentifier(hash: Certificate.PublicKey(publicKey))
                AuthorityKeyIdentifier(keyIdentifier: SubjectKeyIdentifier(hash: signer.publicKey).keyIdentifier)
                SubjectAlternativeNames([
                    .dnsName(identity.service.serverName), .uniformResourceIdentifier(identity.description),
                ])
            },
            issuerPrivateKey: signer)
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
    private static let commonNameLimit = 64

    /// 128 random bits (RFC 5280 §4.1.2.2 allows 160).
    private static func serial() -> Certificate.SerialNumber {
        var generator = SystemRandomNumberGenerator()
        var bytes = [UInt8](repeating: 0, count: serialBytes)
        for index in bytes.indices { bytes[index] = UInt8.random(in: .min ... .max, using: &generator) }
        return Certificate.SerialNumber(bytes: bytes)
    }
}
