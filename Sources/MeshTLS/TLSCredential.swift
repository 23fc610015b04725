internal import COpenSSL
package import MeshTypes

/// A certificate chain, its key and the authorities that peers are checked against, ready to be used by any number of sessions.
package final class TLSCredential: Sendable {
    /// Certificates in a chain, at most.
    package static let maximumChain = 4

    package let identity: SPIFFEID
    /// Seconds since the epoch.
    package let notBefore: Int64
    package let notAfter: Int64
    /// Hexadecimal, upper case.
    package let serial: String
    /// The authorities that peers are checked against.
    package let trust: TrustBundle
    /// Seconds since the epoch: when the first certificate of the chain ends.
    let chainEnds: Int64
    let client: SessionParameters
    let server: SessionParameters

    /// - Parameters:
    ///   - chainDER: leaf first, without the root.
    ///   - trust: the authorities of peers.
    /// - Throws: `noCertificate` if the parts do not fit each other, the leaf is not a certificate of `identity`, or a part is
    ///   malformed.
    package init(identity: SPIFFEID, chainDER: [[UInt8]], privateKey: TLSPrivateKey, trust: TrustBundle) throws(TLSFailure) {
        guard (1...Self.maximumChain).contains(chainDER.count) else {
            throw TLSFailure(.noCertificate, "a chain holds 1 to \(Self.maximumChain) certificates, not \(chainDER.count)")
        }
        self.identity = identity
        let leaf = try ParsedCertificate(der: chainDER[0])
        let named = try PeerIdentity.read(leaf.pointer)
        guard named == identity else {
            throw TLSFailure(.noCertificate, "the certificate is for \(named), not for \(identity)")
        }
        guard X509_check_private_key(leaf.pointer, privateKey.pointer) == 1 else {
            ErrorQueue.clear()
            throw TLSFailure(.noCertificate, "the private key does not belong to the certificate of \(identity)")
        }
        guard let notBefore = CertificateTime.seconds(X509_get0_notBefore(leaf.pointer)),
            let notAfter = CertificateTime.seconds(X509_get0_notAfter(leaf.pointer))
        else { throw TLSFailure(.noCertificate, "the certificate of \(identity) has no readable validity") }
        self.notBefore = notBefore
        self.notAfter = notAfter
        var ends = notAfter
        for der in chainDER.dropFirst() {
            let above = try ParsedCertificate(der: der)
            ends = min(ends, CertificateTime.seconds(X509_get0_notAfter(above.pointer)) ?? .min)
        }
        chainEnds = ends
        self.trust = trust
        serial = leaf.serial
        client = try SessionParameters(.client)
        try client.use(chainDER: chainDER, key: privateKey, trust: trust)
        server = try SessionParameters(.server)
        try server.use(chainDER: chainDER, key: privateKey, trust: trust)
    }
}
