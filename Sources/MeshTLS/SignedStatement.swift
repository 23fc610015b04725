internal import COpenSSL
package import MeshTypes

/// Signatures over bytes that travel without a session: made with a service's key, checked against its certificate. SHA-256 with
/// whichever kind of key the certificate has; the mesh's own are ECDSA P-256.
///
/// Who signs puts a text of its own at the beginning of `statement`, so that a signature for one purpose is none for another; TLS 1.3
/// begins with 64 spaces (RFC 8446 §4.4.3).
package struct SignedStatement: Sendable {
    package let statement: [UInt8]
    package let signature: [UInt8]
    /// Leaf first, without the root, DER.
    package let chainDER: [[UInt8]]

    package init(statement: [UInt8], signature: [UInt8], chainDER: [[UInt8]]) {
        self.statement = statement
        self.signature = signature
        self.chainDER = chainDER
    }

    /// Whose statement it is.
    package struct Author: Sendable, Equatable {
        package let identity: SPIFFEID
        /// Seconds since the epoch: the end of its certificate.
        package let notAfter: Int64
    }

    /// - Parameters:
    ///   - revoked: certificates that count no more.
    ///   - now: seconds since the epoch.
    /// - Throws: `noCertificate` if the chain is malformed, `peerUnverified` if it does not lead to a trusted root or the signature is not of its
    ///   key, `peerIdentity` if the certificate names no service, `certificateRevoked`.
    package func author(trust: TrustBundle, revoked: RevokedSerials = .none, now: Int64) throws(TLSFailure) -> Author {
        let leaf = try ParsedCertificate(der: ChainCheck.leafDER(of: chainDER))
        let found = try ChainCheck.verify(
            leaf, above: chainDER.dropFirst(), trust: trust, purpose: .client, revoked: revoked, time: now)
        guard let identity = SPIFFEID(found.uri) else {
            throw TLSFailure(.peerIdentity, "\(found.uri) is no service of a mesh")
        }
        try checkSignature(leaf)
        return Author(identity: identity, notAfter: found.notAfter)
    }

    private func checkSignature(_ leaf: borrowing ParsedCertificate) throws(TLSFailure) {
        guard let key = X509_get0_pubkey(leaf.pointer), let digest = EVP_MD_CTX_new() else {
            throw TLSFailure(.noCertificate, "the certificate (\(leaf.subject)) has no readable key")
        }
        defer { EVP_MD_CTX_free(digest) }
        guard EVP_DigestVerifyInit(digest, nil, EVP_sha256(), nil, key) == 1,
            EVP_DigestVerify(digest, signature, signature.count, statement, statement.count) == 1
        else {
            ErrorQueue.clear()
            throw TLSFailure(.peerUnverified, "the signature is not of the key of \(leaf.subject), or not over this text")
        }
    }
}

extension TLSPrivateKey {
    /// A signature over `statement` with SHA-256 (of a P-256 key: ECDSA, in DER).
    package func sign(_ statement: [UInt8]) throws(TLSFailure) -> [UInt8] {
        guard let digest = EVP_MD_CTX_new() else { throw TLSFailure(.noCertificate, "no memory to sign") }
        defer { EVP_MD_CTX_free(digest) }
        var length = Int(EVP_PKEY_get_size(pointer))
        var signature = [UInt8](repeating: 0, count: length)
        guard EVP_DigestSignInit(digest, nil, EVP_sha256(), nil, pointer) == 1,
            EVP_DigestSign(digest, &signature, &length, statement, statement.count) == 1
        else { throw TLSFailure(.noCertificate, "no signature could be made: \(ErrorQueue.takeText())") }
        return Array(signature.prefix(length))
    }
}
