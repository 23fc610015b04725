import Crypto
import Foundation
import MeshTLS
import MeshTypes
import SwiftASN1
import X509

/// A root, an intermediate and a leaf, right in every respect that a test does not change.
struct CraftedChain {
    static let uri = "spiffe://daarion.city/ns/default/sa/wallet"
    static let day: TimeInterval = 86400

    var rootPathLength: Int? = 1
    var intermediatePathLength: Int? = 0
    var intermediateIsAuthority = true
    var intermediateEnds = Date(timeIntervalSinceNow: CraftedChain.day)
    var constraints: NameConstraints?
    var uris = [CraftedChain.uri]
    var leafIsAuthority = false
    var keyUsage: KeyUsage? = KeyUsage(digitalSignature: true)
    var keyUsageIsCritical = true
    var usages: [ExtendedKeyUsage.Usage]? = [.serverAuth, .clientAuth]
    /// One more intermediate below the first.
    var isDeep = false

    /// The chain, leaf first and without the root, and the root.
    func make() throws -> (chainDER: [[UInt8]], rootDER: [UInt8], leafKeyDER: [UInt8]) {
        let rootKey = P256.Signing.PrivateKey()
        let rootName = try DistinguishedName { CommonName("Crafted root") }
        let root = try authority(rootName, rootKey, issuer: rootName, signer: rootKey, length: rootPathLength)
        var issuerName = try DistinguishedName { CommonName("Crafted intermediate") }
        var issuerKey = P256.Signing.PrivateKey()
        var above = [try intermediate(issuerName, issuerKey, issuer: rootName, signer: rootKey)]
        if isDeep {
            let name = try DistinguishedName { CommonName("Crafted deeper") }
            let key = P256.Signing.PrivateKey()
            above.insert(try authority(name, key, issuer: issuerName, signer: issuerKey, length: 0), at: 0)
            (issuerName, issuerKey) = (name, key)
        }
        let leafKey = P256.Signing.PrivateKey()
        let leaf = try leaf(leafKey, issuer: issuerName, signer: issuerKey)
        return (try ([leaf] + above).map(der), try der(root), Array(leafKey.derRepresentation))
    }

    private func intermediate(
        _ name: DistinguishedName, _ key: P256.Signing.PrivateKey, issuer: DistinguishedName, signer: P256.Signing.PrivateKey
    ) throws -> Certificate {
        try authority(
            name, key, issuer: issuer, signer: signer, length: intermediatePathLength, isAuthority: intermediateIsAuthority,
            ends: intermediateEnds, constraints: constraints)
    }

    private func authority(
        _ name: DistinguishedName, _ key: P256.Signing.PrivateKey, issuer: DistinguishedName, signer: P256.Signing.PrivateKey,
        length: Int?, isAuthority: Bool = true, ends: Date = Date(timeIntervalSinceNow: CraftedChain.day),
        constraints: NameConstraints? = nil
    ) throws -> Certificate {
        try Certificate(
            version: .v3, serialNumber: .init(), publicKey: .init(key.publicKey), notValidBefore: Date(timeIntervalSinceNow: -Self.day),
            notValidAfter: ends, issuer: issuer, subject: name,
            extensions: try Certificate.Extensions {
                if isAuthority {
                    Critical(BasicConstraints.isCertificateAuthority(maxPathLength: length))
                } else {
                    Critical(BasicConstraints.notCertificateAuthority)
                }
                Critical(KeyUsage(keyCertSign: true, cRLSign: true))
                if let constraints { Critical(constraints) }
                SubjectKeyIdentifier(hash: .init(key.publicKey))
                AuthorityKeyIdentifier(keyIdentifier: SubjectKeyIdentifier(hash: .init(signer.publicKey)).keyIdentifier)
            }, issuerPrivateKey: .init(signer))
    }

    private func leaf(
        _ key: P256.Signing.PrivateKey, issuer: DistinguishedName, signer: P256.Signing.PrivateKey
    ) throws -> Certificate {
        try Certificate(
            version: .v3, serialNumber: .init(), publicKey: .init(key.publicKey), notValidBefore: Date(timeIntervalSinceNow: -60),
            notValidAfter: Date(timeIntervalSinceNow: 3600), issuer: issuer, subject: try DistinguishedName { CommonName("wallet") },
            extensions: try Certificate.Extensions {
                if leafIsAuthority {
                    Critical(BasicConstraints.isCertificateAuthority(maxPathLength: nil))
                } else {
                    Critical(BasicConstraints.notCertificateAuthority)
                }
                if let keyUsage, keyUsageIsCritical { Critical(keyUsage) }
                if let keyUsage, !keyUsageIsCritical { keyUsage }
                if let usages { try ExtendedKeyUsage(usages) }
                SubjectAlternativeNames([.dnsName("wallet.default.svc")] + uris.map { .uniformResourceIdentifier($0) })
                AuthorityKeyIdentifier(keyIdentifier: SubjectKeyIdentifier(hash: .init(signer.publicKey)).keyIdentifier)
            }, issuerPrivateKey: .init(signer))
    }

    private func der(_ certificate: Certificate) throws -> [UInt8] {
        var serializer = DER.Serializer()
        try serializer.serialize(certificate)
        return serializer.serializedBytes
    }
}
