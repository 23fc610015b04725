internal import COpenSSL

/// The certificates of the authorities that peers must descend from. Immutable; during a change of CA it holds both.
package final class TrustBundle: Sendable {
    /// More authorities than any change of CA needs.
    package static let maximumRoots = 64

    package let rootsDER: [[UInt8]]
    /// OpenSSL's store locks for itself.
    nonisolated(unsafe) let store: OpaquePointer

    /// - Parameter rootsDER: at least one CA certificate. Intermediates may be trusted as they are (RFC 5280 §6.1.1 d).
    /// - Throws: `noCertificate` with what is wrong.
    package init(rootsDER: [[UInt8]]) throws(TLSFailure) {
        guard (1...Self.maximumRoots).contains(rootsDER.count) else {
            throw TLSFailure(.noCertificate, "a trust bundle holds 1 to \(Self.maximumRoots) certificates, not \(rootsDER.count)")
        }
        guard let store = X509_STORE_new() else { throw TLSFailure(.noCertificate, "no memory for a trust bundle") }
        self.store = store
        self.rootsDER = rootsDER
        // Without the second, OpenSSL passes over much that RFC 5280 obliges authorities to (`openssl-verification-options`, -x509_strict).
        X509_STORE_set_flags(store, UInt(X509_V_FLAG_PARTIAL_CHAIN | X509_V_FLAG_X509_STRICT))
        for der in rootsDER {
            let root = try ParsedCertificate(der: der)
            guard root.isAuthority else {
                throw TLSFailure(.noCertificate, "the trust bundle holds \(root.subject), which is not a CA's certificate")
            }
            guard X509_STORE_add_cert(store, root.pointer) == 1 else {
                throw TLSFailure(.noCertificate, "the trust bundle refuses \(root.subject): \(ErrorQueue.takeText())")
            }
        }
    }

    /// Some certificate of `other` is not trusted here.
    package func lacksAny(of other: TrustBundle) -> Bool { !other.rootsDER.allSatisfy(rootsDER.contains) }

    deinit { X509_STORE_free(store) }
}
