package import Crypto
internal import MeshTypes
internal import SwiftASN1
internal import X509

/// A PKCS#10 request (RFC 2986) whose sender has proved to hold the key. What else it says is not looked at.
package struct CertificateRequest: Sendable {
    /// Larger ones are not ours.
    package static let maximumBytes = 4096

    /// SubjectPublicKeyInfo of a P-256 key.
    package let publicKeyDER: [UInt8]

    /// - Throws: `request` unless it is signed by its own P-256 key.
    package init(der: [UInt8]) throws(AuthorityFailure) {
        guard der.count <= Self.maximumBytes, let request = try? CertificateSigningRequest(derEncoded: der) else {
            throw AuthorityFailure(.request, "this is no certificate request (PKCS#10)", advice: "ask with one of this version's myelind")
        }
        guard request.publicKey.isValidSignature(request.signature, for: request) else {
            throw AuthorityFailure(.request, "the certificate request is not signed by its key", advice: "sign it with the key it names")
        }
        guard let key = P256.Signing.PublicKey(request.publicKey) else {
            throw AuthorityFailure(.request, "the key of the certificate request is not a P-256 key", advice: "ask with a P-256 key")
        }
        publicKeyDER = Array(key.derRepresentation)
    }

    /// A request for `key`, in DER, that names nobody.
    package static func make(for key: P256.Signing.PrivateKey) throws -> [UInt8] {
        let request = try CertificateSigningRequest(
            version: .v1, subject: DistinguishedName(), privateKey: Certificate.PrivateKey(key), attributes: .init())
        var serializer = DER.Serializer()
        try serializer.serialize(request)
        return serializer.serializedBytes
    }
}
