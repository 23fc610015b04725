import Crypto
import Foundation
import MeshTLS
import MeshTypes
import SwiftASN1
import X509

/// An authority that signs whatever a test wants, also what no authority should.
struct TestAuthority {
    static let hour: TimeInterval = 3600
    let name: DistinguishedName
    let key = P256.Signing.PrivateKey()
    let root: Certificate

    init(_ commonName: String = "Test root") {
        name = try! DistinguishedName { CommonName(commonName) }
        let signer = Certificate.PrivateKey(key)
        root = try! Certificate(
            version: .v3, serialNumber: .init(), publicKey: signer.publicKey, notValidBefore: Date(timeIntervalSinceNow: -400 * 86400),
            notValidAfter: Date(timeIntervalSinceNow: 400 * 86400), issuer: name, subject: name, signatureAlgorithm: .ecdsaWithSHA256,
            extensions: try! Certificate.Extensions {
                Critical(BasicConstraints.isCertificateAuthority(maxPathLength: nil))
                Critical(KeyUsage(keyCertSign: true))
                SubjectKeyIdentifier(hash: signer.publicKey)
            },
            issuerPrivateKey: signer)
    }

    var bundle: TrustBundle { try! TrustBundle(rootsDER: [der(root)]) }

    /// What a leaf is to look like; the defaults are right.
    struct Shape {
        var notBefore = Date(timeIntervalSinceNow: -60)
        var notAfter = Date(timeIntervalSinceNow: TestAuthority.hour)
        var usages: [ExtendedKeyUsage.Usage]? = [.serverAuth, .clientAuth]
        var uris: [String]?
        var isAuthority = false
        var isSelfSigned = false
    }

    func leaf(_ identity: SPIFFEID, publicKeyDER: [UInt8], _ shape: Shape = Shape()) -> [UInt8] {
        let publicKey = Certificate.PublicKey(try! P256.Signing.PublicKey(derRepresentation: publicKeyDER))
        return der(certificate(identity, publicKey, issuer: name, signer: Certificate.PrivateKey(key), shape))
    }

    func certificate(
        _ identity: SPIFFEID, _ publicKey: Certificate.PublicKey, issuer: DistinguishedName, signer: Certificate.PrivateKey,
        _ shape: Shape
    ) -> Certificate {
        let names: [GeneralName] =
            [.dnsName(identity.service.serverName)]
            + (shape.uris ?? [identity.description]).map { .uniformResourceIdentifier($0) }
        return try! Certificate(
            version: .v3, serialNumber: .init(), publicKey: publicKey, notValidBefore: shape.notBefore, notValidAfter: shape.notAfter,
            issuer: issuer, subject: try! DistinguishedName { CommonName(identity.service.name.label) },
            signatureAlgorithm: .ecdsaWithSHA256,
            extensions: try! Certificate.Extensions {
                if shape.isAuthority {
                    Critical(BasicConstraints.isCertificateAuthority(maxPathLength: nil))
                } else {
                    Critical(BasicConstraints.notCertificateAuthority)
                }
                Critical(KeyUsage(digitalSignature: true, keyCertSign: shape.isAuthority))
                if let usages = shape.usages { try! ExtendedKeyUsage(usages) }
                SubjectAlternativeNames(names)
                SubjectKeyIdentifier(hash: publicKey)
                AuthorityKeyIdentifier(keyIdentifier: SubjectKeyIdentifier(hash: signer.publicKey).keyIdentifier)
            },
            issuerPrivateKey: signer)
    }

    /// A credential of `service` that trusts `trust` (this authority if nil).
    func credential(
        _ service: String, trustDomain: String = "daarion.city", trust: TrustBundle? = nil, _ shape: Shape = Shape()
    ) throws -> TLSCredential {
        let identity = SPIFFEID.of(service, trustDomain: trustDomain)
        if shape.isSelfSigned { return try selfSigned(identity, trust: trust ?? bundle, shape) }
        let key = try TLSPrivateKey()
        return try TLSCredential(
            identity: identity, chainDER: [leaf(identity, publicKeyDER: key.publicKeyDER, shape)], privateKey: key,
            trust: trust ?? bundle)
    }

    private func selfSigned(_ identity: SPIFFEID, trust: TrustBundle, _ shape: Shape) throws -> TLSCredential {
        let own = P256.Signing.PrivateKey()
        var der = Array(own.derRepresentation)
        let subject = try DistinguishedName { CommonName(identity.service.name.label) }
        let signer = Certificate.PrivateKey(own)
        let certificate = certificate(identity, signer.publicKey, issuer: subject, signer: signer, shape)
        return try TLSCredential(
            identity: identity, chainDER: [self.der(certificate)], privateKey: TLSPrivateKey(wiping: &der), trust: trust)
    }

    func der(_ certificate: Certificate) -> [UInt8] {
        var serializer = DER.Serializer()
        try! serializer.serialize(certificate)
        return serializer.serializedBytes
    }
}

extension SPIFFEID {
    static func of(_ service: String, trustDomain: String = "daarion.city") -> SPIFFEID {
        SPIFFEID(trustDomain: trustDomain, service: .of(service))
    }
}

extension ServiceIdentity {
    static func of(_ service: String) -> ServiceIdentity { ServiceIdentity(namespace: "default", name: ServiceName(service)!) }
}
