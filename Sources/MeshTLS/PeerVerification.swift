internal import COpenSSL
internal import MeshTypes

/// The check of a peer's certificate: chain, validity, use and identity. Runs inside the handshake, so that a refusal is an alert.
enum PeerVerification {
    /// OpenSSL calls it with the chain that the peer sent; 1 accepts.
    static let callback: @convention(c) (OpaquePointer?, UnsafeMutableRawPointer?) -> Int32 = { store, _ in
        guard let store, let ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()),
            let state = SessionState.of(OpaquePointer(ssl))
        else { return 0 }
        state.pointee.peer = nil
        do throws(TLSFailure) {
            state.pointee.peer = try verify(store, state.pointee)
            state.pointee.peerSerials = serials(store)
            state.pointee.peerEnds = firstEnd(store)
            return 1
        } catch {
            state.pointee.failure = error
            if error.reason == .certificateRevoked { X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_REVOKED) }
            // Keeps OpenSSL's own verdict, if it has one, because it chooses the alert.
            if X509_STORE_CTX_get_error(store) == X509_V_OK { X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_REJECTED) }
            return 0
        }
    }

    private static func verify(_ store: OpaquePointer, _ state: SessionState) throws(TLSFailure) -> SPIFFEID {
        let role = state.peerIsServer ? "server" : "client"
        guard X509_verify_cert(store) == 1 else { throw refusal(store, role: role) }
        guard let leaf = X509_STORE_CTX_get0_cert(store) else {
            throw TLSFailure(.peerUnverified, "the \(role) sent no certificate")
        }
        try SVIDRules.check(leaf, role: role)
        let peer = try PeerIdentity.read(leaf)
        try Revocation.check(store, state.revoked, role: role)
        guard let local = state.local else {
            throw TLSFailure(.noCertificate, "this end has no identity of its own")
        }
        guard peer.trustDomain == local.trustDomain else {
            throw TLSFailure(
                .peerIdentity, "the \(role) \(peer) is of trust domain \(peer.trustDomain), this node of \(local.trustDomain)")
        }
        if let expected = state.expected, peer.service != expected {
            throw TLSFailure(.peerIdentity, "wanted service \(expected), but the \(role) is \(peer.service) (\(peer))")
        }
        return peer
    }

    /// Of the whole path, the trusted one included.
    private static func serials(_ store: OpaquePointer) -> [String] {
        guard let chain = X509_STORE_CTX_get0_chain(store) else { return [] }
        return (0..<OPENSSL_sk_num(chain)).compactMap { index in
            OPENSSL_sk_value(chain, index).map { ParsedCertificate.serial(of: OpaquePointer($0)) }
        }
    }

    /// Of the whole path: when the first certificate of it ends, in seconds since the epoch.
    private static func firstEnd(_ store: OpaquePointer) -> Int64 {
        guard let chain = X509_STORE_CTX_get0_chain(store) else { return .min }
        return (0..<OPENSSL_sk_num(chain)).compactMap { index in
            OPENSSL_sk_value(chain, index).map { CertificateTime.seconds(X509_get0_notAfter(OpaquePointer($0))) ?? .min }
        }.min() ?? .min
    }

    /// What `X509_verify_cert` found, in words.
    static func refusal(_ store: OpaquePointer, role: String) -> TLSFailure {
        ErrorQueue.clear()
        let error = X509_STORE_CTX_get_error(store)
        let current = X509_STORE_CTX_get_current_cert(store)
        let subject = current.map { CertificateName.text(X509_get_subject_name($0)) } ?? "an unknown subject"
        let issuer = current.map { CertificateName.text(X509_get_issuer_name($0)) } ?? "an unknown issuer"
        let whose = "the \(role)'s certificate (\(subject))"
        let detail =
            switch error {
            case X509_V_ERR_CERT_HAS_EXPIRED:
                "\(whose) expired at \(CertificateTime.text(current.flatMap { X509_get0_notAfter($0) })): "
                    + "see whether its node renews, and the clocks"
            case X509_V_ERR_CERT_NOT_YET_VALID:
                "\(whose) is valid only from \(CertificateTime.text(current.flatMap { X509_get0_notBefore($0) })): check the clocks"
            case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT: "\(whose) is self-signed: no CA of this mesh issued it"
            case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY,
                X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
                "\(whose) was issued by another CA (\(issuer)), which this node does not trust"
            case X509_V_ERR_CERT_SIGNATURE_FAILURE: "\(whose) does not bear a genuine signature of \(issuer)"
            case X509_V_ERR_INVALID_PURPOSE: "\(whose) is not for a \(role) (key usage or extended key usage)"
            case X509_V_ERR_INVALID_CA: "\(whose) stands in the chain as an authority, which it is not"
            case X509_V_ERR_PATH_LENGTH_EXCEEDED: "the authority above \(whose) may not have as many below it (path length)"
            case X509_V_ERR_PERMITTED_VIOLATION, X509_V_ERR_EXCLUDED_VIOLATION:
                "\(whose) has a name that the authority above it may not give (name constraints)"
            case X509_V_ERR_UNHANDLED_CRITICAL_EXTENSION: "\(whose) has a critical extension that is not known here"
            case X509_V_ERR_CERT_CHAIN_TOO_LONG: "\(whose) has too long a chain"
            case X509_V_ERR_MISSING_AUTHORITY_KEY_IDENTIFIER, X509_V_ERR_MISSING_SUBJECT_KEY_IDENTIFIER:
                "\(whose) lacks a key identifier that RFC 5280 §4.2.1 demands (authorityKeyIdentifier, or subjectKeyIdentifier of an authority)"
            default: "\(whose) is refused: \(String(cString: X509_verify_cert_error_string(Int(error))))"
            }
        return TLSFailure(.peerUnverified, detail)
    }
}
