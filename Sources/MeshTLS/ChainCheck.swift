internal import COpenSSL
internal import MeshTypes

/// The check of a chain outside of a TLS session of this module: for the authority's own connections and for what it is given to sign with.
package enum ChainCheck {
    /// What the chain has to be good for.
    package enum Purpose: Sendable { case server, client, authority }

    /// What a verified leaf says of itself.
    package struct Leaf: Sendable, Equatable {
        /// Its one URI name.
        package let uri: String
        /// Upper-case hexadecimal.
        package let serial: String
        /// Seconds since the epoch.
        package let notBefore: Int64
        package let notAfter: Int64
    }

    /// - Parameters:
    ///   - chainDER: leaf first.
    ///   - revoked: none of the chain may be among these.
    ///   - time: seconds since the epoch; nil for now.
    package static func verify(
        _ chainDER: [[UInt8]], trust: TrustBundle, purpose: Purpose, revoked: RevokedSerials = .none, time: Int64? = nil
    ) throws(TLSFailure) -> Leaf {
        try verify(
            ParsedCertificate(der: leafDER(of: chainDER)), above: chainDER.dropFirst(), trust: trust, purpose: purpose, revoked: revoked,
            time: time)
    }

    /// What a peer would find of a chain that this end is about to show: good for both roles, at a time within the leaf's own validity (whether that
    /// has begun, and not ended, is the caller's affair).
    package static func verifyOwn(_ chainDER: [[UInt8]], trust: TrustBundle, now: Int64) throws(TLSFailure) {
        let leaf = try ParsedCertificate(der: leafDER(of: chainDER))
        let validity = try facts(of: leaf)
        let time = max(validity.notBefore, min(now, validity.notAfter - 1))
        for purpose in [Purpose.server, .client] {
            _ = try verify(leaf, above: chainDER.dropFirst(), trust: trust, purpose: purpose, revoked: .none, time: time)
        }
    }

    static func leafDER(of chainDER: [[UInt8]]) throws(TLSFailure) -> [UInt8] {
        guard let first = chainDER.first, chainDER.count <= TLSCredential.maximumChain + 1 else {
            throw TLSFailure(.peerUnverified, "a chain holds 1 to \(TLSCredential.maximumChain + 1) certificates, not \(chainDER.count)")
        }
        return first
    }

    /// For who needs the leaf itself too: reading a certificate takes as long as checking its signature.
    static func verify(
        _ leaf: borrowing ParsedCertificate, above: ArraySlice<[UInt8]>, trust: TrustBundle, purpose: Purpose, revoked: RevokedSerials,
        time: Int64?
    ) throws(TLSFailure) -> Leaf {
        let role =
            switch purpose {
            case .server: "server"
            case .client: "client"
            case .authority: "authority"
            }
        guard let others = OPENSSL_sk_new_null(), let store = X509_STORE_CTX_new() else {
            throw TLSFailure(.overloaded, "no memory to check a certificate")
        }
        defer {
            X509_STORE_CTX_free(store)
            while let entry = OPENSSL_sk_pop(others) { X509_free(OpaquePointer(entry)) }
            OPENSSL_sk_free(others)
        }
        for der in above {
            let certificate = try ParsedCertificate(der: der)
            X509_up_ref(certificate.pointer)
            OPENSSL_sk_push(others, UnsafeRawPointer(certificate.pointer))
        }
        guard X509_STORE_CTX_init(store, trust.store, leaf.pointer, others) == 1 else {
            throw TLSFailure(.overloaded, "no memory to check a certificate")
        }
        if purpose != .authority {
            X509_STORE_CTX_set_purpose(store, purpose == .server ? X509_PURPOSE_SSL_SERVER : X509_PURPOSE_SSL_CLIENT)
        }
        if let time { X509_STORE_CTX_set_time(store, 0, time_t(time)) }
        guard X509_verify_cert(store) == 1 else { throw PeerVerification.refusal(store, role: role) }
        try Revocation.check(store, revoked, role: role)
        if purpose == .authority {
            guard leaf.isAuthority else { throw TLSFailure(.peerIdentity, "the certificate \(leaf.subject) is not a CA's") }
        } else {
            try SVIDRules.check(leaf.pointer, role: role)
        }
        return try facts(of: leaf)
    }

    /// Of a peer that was verified in its handshake: only the path is looked at again.
    ///
    /// - Parameters:
    ///   - leaf: an `X509`.
    ///   - others: a stack of certificates that may stand above it; the leaf may be among them.
    static func refusal(of leaf: OpaquePointer, above others: OpaquePointer?, trust: TrustBundle, isServer: Bool) -> TLSFailure? {
        guard let store = X509_STORE_CTX_new() else { return TLSFailure(.overloaded, "no memory to check a certificate") }
        defer { X509_STORE_CTX_free(store) }
        guard X509_STORE_CTX_init(store, trust.store, leaf, others) == 1 else {
            return TLSFailure(.overloaded, "no memory to check a certificate")
        }
        X509_STORE_CTX_set_purpose(store, isServer ? X509_PURPOSE_SSL_SERVER : X509_PURPOSE_SSL_CLIENT)
        return X509_verify_cert(store) == 1 ? nil : PeerVerification.refusal(store, role: isServer ? "server" : "client")
    }

    /// What a certificate says, unverified: for one that was verified before.
    package static func read(_ der: [UInt8]) throws(TLSFailure) -> Leaf { try facts(of: ParsedCertificate(der: der)) }

    private static func facts(of leaf: borrowing ParsedCertificate) throws(TLSFailure) -> Leaf {
        guard let notBefore = CertificateTime.seconds(X509_get0_notBefore(leaf.pointer)),
            let notAfter = CertificateTime.seconds(X509_get0_notAfter(leaf.pointer))
        else { throw TLSFailure(.peerUnverified, "the certificate has no readable validity") }
        return Leaf(
            uri: leaf.isAuthority ? "" : try PeerIdentity.uri(of: leaf.pointer), serial: leaf.serial, notBefore: notBefore,
            notAfter: notAfter)
    }
}

/// The check of a verified path against what was revoked.
enum Revocation {
    /// - Throws: `certificateRevoked` if a certificate of the path is among `revoked`.
    static func check(_ store: OpaquePointer, _ revoked: RevokedSerials, role: String) throws(TLSFailure) {
        guard !revoked.serials.isEmpty, let chain = X509_STORE_CTX_get0_chain(store) else { return }
        for index in 0..<OPENSSL_sk_num(chain) {
            guard let entry = OPENSSL_sk_value(chain, index) else { continue }
            let serial = ParsedCertificate.serial(of: OpaquePointer(entry))
            guard revoked.contains(serial) else { continue }
            let subject = CertificateName.text(X509_get_subject_name(OpaquePointer(entry)))
            throw TLSFailure(.certificateRevoked, "the \(role)'s certificate (\(subject), serial \(serial)) was revoked by the authority")
        }
    }
}
