internal import COpenSSL

extension TLSPrivateKey {
    /// A PKCS#10 request (RFC 2986) in DER: proves that its sender holds the key. It names nobody, because names are the authority's to give.
    package func certificateRequest() throws(TLSFailure) -> [UInt8] {
        guard let request = X509_REQ_new() else { throw TLSFailure(.overloaded, "no memory for a certificate request") }
        defer { X509_REQ_free(request) }
        guard X509_REQ_set_version(request, 0) == 1, X509_REQ_set_pubkey(request, pointer) == 1,
            X509_REQ_sign(request, pointer, EVP_sha256()) > 0
        else { throw TLSFailure(.noCertificate, "no certificate request could be made: \(ErrorQueue.takeText())") }
        var der: UnsafeMutablePointer<UInt8>?
        let length = i2d_X509_REQ(request, &der)
        guard length > 0, let der else { throw TLSFailure(.noCertificate, "no certificate request: \(ErrorQueue.takeText())") }
        defer { copenssl_free(der) }
        return [UInt8](UnsafeBufferPointer(start: der, count: Int(length)))
    }
}
