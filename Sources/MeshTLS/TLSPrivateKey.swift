internal import COpenSSL

/// A P-256 private key. It is made here, stays in memory and cannot be written out (R1.4); OpenSSL wipes it at the end.
package final class TLSPrivateKey: Sendable {
    /// Immutable after `init`; OpenSSL counts references atomically.
    nonisolated(unsafe) let pointer: OpaquePointer
    /// DER of the SubjectPublicKeyInfo (RFC 5280 §4.1.2.7), for the certificate request.
    package let publicKeyDER: [UInt8]

    /// A new random key.
    package convenience init() throws(TLSFailure) {
        guard let key = copenssl_generate_p256() else {
            throw TLSFailure(.noCertificate, "no key could be made: \(ErrorQueue.takeText())")
        }
        try self.init(owning: key)
    }

    /// Reads a PKCS#8 or SEC 1 key and wipes `der`.
    package convenience init(wiping der: inout [UInt8]) throws(TLSFailure) {
        let key = der.withUnsafeMutableBytes { buffer in
            var next = UnsafePointer(buffer.baseAddress?.assumingMemoryBound(to: UInt8.self))
            let key = d2i_AutoPrivateKey(nil, &next, buffer.count)
            if let base = buffer.baseAddress { OPENSSL_cleanse(base, buffer.count) }
            return key
        }
        guard let key else { throw TLSFailure(.noCertificate, "not a private key: \(ErrorQueue.takeText())") }
        try self.init(owning: key)
    }

    private init(owning key: OpaquePointer) throws(TLSFailure) {
        pointer = key
        var der: UnsafeMutablePointer<UInt8>?
        let length = i2d_PUBKEY(key, &der)
        guard length > 0, let der else {
            publicKeyDER = []
            throw TLSFailure(.noCertificate, "no public key: \(ErrorQueue.takeText())")
        }
        publicKeyDER = [UInt8](UnsafeBufferPointer(start: der, count: Int(length)))
        copenssl_free(der)
    }

    deinit { EVP_PKEY_free(pointer) }
}
