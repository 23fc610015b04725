internal import COpenSSL
internal import MeshTypes

/// The SPIFFE identity that a certificate carries.
enum PeerIdentity {
    /// - Parameter certificate: an `X509`.
    /// - Throws: `peerIdentity` unless the certificate has exactly one URI name and that is one of a service
    ///   (X.509-SVID §2: one URI SAN).
    static func read(_ certificate: OpaquePointer) throws(TLSFailure) -> SPIFFEID {
        let found = try uri(of: certificate)
        guard let identity = SPIFFEID(found) else {
            throw TLSFailure(.peerIdentity, "the certificate is for \(printable(found)), which is not a service of a mesh")
        }
        return identity
    }

    /// The one URI name.
    static func uri(of certificate: OpaquePointer) throws(TLSFailure) -> String {
        guard let raw = X509_get_ext_d2i(certificate, NID_subject_alt_name, nil, nil) else {
            ErrorQueue.clear()
            throw TLSFailure(.peerIdentity, "the certificate carries no SPIFFE identity (no subject alternative name)")
        }
        let names = OpaquePointer(raw)
        defer { GENERAL_NAMES_free(names) }
        var found: String?
        for index in 0..<OPENSSL_sk_num(names) {
            guard let name = OPENSSL_sk_value(names, index)?.assumingMemoryBound(to: GENERAL_NAME.self),
                name.pointee.type == GEN_URI, let value = name.pointee.d.uniformResourceIdentifier
            else { continue }
            guard found == nil else {
                throw TLSFailure(.peerIdentity, "the certificate carries more than one URI name: exactly one is allowed")
            }
            found = String(decoding: UnsafeBufferPointer(start: value.pointee.data, count: Int(value.pointee.length)), as: UTF8.self)
        }
        guard let found else { throw TLSFailure(.peerIdentity, "the certificate carries no SPIFFE identity (no URI name)") }
        return found
    }

    /// What a stranger wrote, short and without control characters, for logs.
    private static func printable(_ text: String) -> String {
        "\"" + String(text.unicodeScalars.prefix(128).map { $0.value < 0x20 || $0.value == 0x7f ? "?" : Character($0) }) + "\""
    }
}
