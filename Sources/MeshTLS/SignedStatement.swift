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

    /// - Parameter now: seconds since the epoch.
    /// - Throws: `noCertificate` if the chain is malformed, `peerUnverified` if it does not lead to a trusted root or the signature is not of its
    ///   key, `peerIdentity` if the certificate names no service.
    package func author(trust: TrustBundle, now: Int64) throws(TLSFailure) -> Author {
        guard (1...TLSCredential.maximumChain).contains(chainDER.count) else {
            throw TLSFailure(.noCertificate, "a chain holds 1 to \(TLSCredential.maximumChain) certificates, not \(chainDER.count)")
        }
        let leaf = try ParsedCertificate(der: chainDER[0])
        try checkChain(leaf, trust, now: now)
        guard X509_get_extension_flags(leaf.pointer) & UInt32(EXFLAG_CA) == 0 else {
            throw TLSFailure(.peerIdentity, "a CA's certificate in place of a service's")
        }
        let identity = try PeerIdentity.read(leaf.pointer)
        try checkSignature(leaf)
        guard let notAfter = CertificateTime.seconds(X509_get0_notAfter(leaf.pointer)) else {
            throw TLSFailure(.noCertificate, "the certificate of \(identity) has no readable validity")
        }
        return Author(identity: identity, notAfter: notAfter)
    }

    private func checkChain(_ leaf: borrowing ParsedCertificate, _ trust: TrustBundle, now: Int64) throws(TLSFailure) {
        guard let stack = OPENSSL_sk_new_null(), let store = X509_STORE_CTX_new() else {
            throw TLSFailure(.noCertificate, "no memory to check a chain")
        }
        defer {
            X509_STORE_CTX_free(store)
            while let certificate = OPENSSL_sk_pop(stack) { X509_free(OpaquePointer(certificate)) }
            OPENSSL_sk_free(stack)
        }
        for der in chainDER.dropFirst() {
            let certificate = try ParsedCertificate(der: der)
            X509_up_ref(certificate.pointer)
            guard OPENSSL_sk_push(stack, UnsafeRawPointer(certificate.pointer)) > 0 else {
                X509_free(certificate.pointer)
                throw TLSFailure(.noCertificate, "no memory to check a chain")
            }
        }
        guard X509_STORE_CTX_init(store, trust.store, leaf.pointer, stack) == 1 else {
            throw TLSFailure(.noCertificate, "a chain cannot be checked: \(ErrorQueue.takeText())")
        }
        X509_STORE_CTX_set_time(store, 0, time_t(now))
        guard X509_verify_cert(store) == 1 else {
            ErrorQueue.clear()
            let why = String(cString: X509_verify_cert_error_string(Int(X509_STORE_CTX_get_error(store))))
            throw TLSFailure(.peerUnverified, "the certificate (\(leaf.subject)) is refused: \(why)")
        }
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
