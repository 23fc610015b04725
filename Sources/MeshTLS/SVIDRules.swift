internal import COpenSSL
internal import MeshTypes

/// What the X.509-SVID standard asks of a leaf beyond a valid path (RFC 5280 §6): its sections 4 and 5.
enum SVIDRules {
    /// - Parameter role: of the one that showed it, for messages.
    /// - Throws: `peerIdentity` for a CA's certificate or bad names, `peerUnverified` for key usages that no SVID has.
    static func check(_ leaf: OpaquePointer, role: String) throws(TLSFailure) {
        let flags = X509_get_extension_flags(leaf)
        guard flags & UInt32(EXFLAG_CA) == 0 else {
            throw TLSFailure(.peerIdentity, "the \(role) shows a CA's certificate in place of a service's")
        }
        try checkKeyUsage(leaf, flags: flags, role: role)
        guard flags & UInt32(EXFLAG_XKUSAGE) == 0 || X509_get_extended_key_usage(leaf) & both == both else {
            throw TLSFailure(
                .peerUnverified,
                "the \(role)'s certificate names only one of serverAuth and clientAuth: services are both (extended key usage)")
        }
    }

    private static let both = UInt32(XKU_SSL_SERVER | XKU_SSL_CLIENT)

    /// X.509-SVID §4.3: present, critical, digitalSignature, and nothing that signs certificates.
    private static func checkKeyUsage(_ leaf: OpaquePointer, flags: UInt32, role: String) throws(TLSFailure) {
        guard flags & UInt32(EXFLAG_KUSAGE) != 0 else {
            throw TLSFailure(.peerUnverified, "the \(role)'s certificate has no key usage, which an SVID must have")
        }
        let index = X509_get_ext_by_NID(leaf, NID_key_usage, -1)
        guard index >= 0, X509_EXTENSION_get_critical(X509_get_ext(leaf, index)) == 1 else {
            throw TLSFailure(.peerUnverified, "the key usage of the \(role)'s certificate is not marked critical")
        }
        let usage = X509_get_key_usage(leaf)
        guard usage & UInt32(KU_DIGITAL_SIGNATURE) != 0 else {
            throw TLSFailure(.peerUnverified, "the key usage of the \(role)'s certificate lacks digitalSignature")
        }
        guard usage & UInt32(KU_KEY_CERT_SIGN | KU_CRL_SIGN) == 0 else {
            throw TLSFailure(.peerIdentity, "the \(role)'s certificate may sign others: that is an authority's, not a service's")
        }
    }
}
