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
    /// Of the intermediate: RFC 5280 §4.2.1.2, §4.2.1.9, §4.2.1.3 and §4.1.2.6.
    var intermediateNamesItsKey = true
    var basicConstraintsAreCritical = true
    var intermediateUsage: KeyUsage? = KeyUsage(keyCertSign: true, cRLSign: true)
    var intermediateName = "Crafted intermediate"
    /// §4.2.1.1.
    var leafNamesItsIssuersKey = true
    /// §4.2.1.6: then the alternative names must be critical.
    var leafHasSubject = true
    var alternativeNamesAreCritical = false

    /// The chain, leaf first and without the root, and the root.
    func make() throws -> (chainDER: [[UInt8]], rootDER: [UInt8], leafKeyDER: [UInt8]) {
        let rootKey = P256.Signing.PrivateKey()
        let rootName = try DistinguishedName { CommonName("Crafted root") }
        let root = try authority(rootName, rootKey, issuer: rootName, signer: rootKey, length: rootPathLength)
        var issuerName = try intermediateName.isEmpty ? DistinguishedName() : DistinguishedName { CommonName(intermediateName) }
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
        let isRoot = name == issuer
        let usage = isRoot ? KeyUsage(keyCertSign: true, cRLSign: true) : intermediateUsage
        return try Certificate(
            version: .v3, serialNumber: .init(), publicKey: .init(key.publicKey), notValidBefore: Date(timeIntervalSinceNow: -Self.day),
            notValidAfter: ends, issuer: issuer, subject: name,
            extensions: try Certificate.Extensions {
                if isAuthority, isRoot || basicConstraintsAreCritical {
                    Critical(BasicConstraints.isCertificateAuthority(maxPathLength: length))
                } else if isAuthority {
                    BasicConstraints.isCertificateAuthority(maxPathLength: length)
                } else {
                    Critical(BasicConstraints.notCertificateAuthority)
                }
                if let usage { Critical(usage) }
                if let constraints { Critical(constraints) }
                if isRoot || intermediateNamesItsKey { SubjectKeyIdentifier(hash: .init(key.publicKey)) }
                AuthorityKeyIdentifier(keyIdentifier: SubjectKeyIdentifier(hash: .init(signer.publicKey)).keyIdentifier)
            }, issuerPrivateKey: .init(signer))
    }

    private func leaf(
        _ key: P256.Signing.PrivateKey, issuer: DistinguishedName, signer: P256.Signing.PrivateKey
    ) throws -> Certificate {
        let names = SubjectAlternativeNames([.dnsName("wallet.default.svc")] + uris.map { .uniformResourceIdentifier($0) })
        return try Certificate(
            version: .v3, serialNumber: .init(), publicKey: .init(key.publicKey), notValidBefore: Date(timeIntervalSinceNow: -60),
            notValidAfter: Date(timeIntervalSinceNow: 3600), issuer: issuer,
            subject: try leafHasSubject ? DistinguishedName { CommonName("wallet") } : DistinguishedName(),
            extensions: try Certificate.Extensions {
                if leafIsAuthority {
                    Critical(BasicConstraints.isCertificateAuthority(maxPathLength: nil))
                } else {
                    Critical(BasicConstraints.notCertificateAuthority)
                }
                if let keyUsage, keyUsageIsCritical { Critical(keyUsage) }
                if let keyUsage, !keyUsageIsCritical { keyUsage }
                if let usages { try ExtendedKeyUsage(usages) }
                if alternativeNamesAreCritical { Critical(names) } else { names }
                if leafNamesItsIssuersKey {
                    AuthorityKeyIdentifier(keyIdentifier: SubjectKeyIdentifier(hash: .init(signer.publicKey)).keyIdentifier)
                }
            }, issuerPrivateKey: .init(signer))
    }

    private func der(_ certificate: Certificate) throws -> [UInt8] {
        var serializer = DER.Serializer()
        try serializer.serialize(certificate)
        return serializer.serializedBytes
    }
}
