internal import COpenSSL
internal import MeshTypes

/// A certificate revocation list (RFC 5280 §5) for programs outside the mesh; its nodes take the authority's own list.
package enum RevocationListFile {
    /// One certificate on it.
    package struct Entry: Sendable {
        package let serial: String
        /// Seconds since the epoch.
        package let revokedAt: Int64
        /// RFC 5280 §5.3.1; 0 is left out, as the RFC asks.
        package let reason: Int

        package init(serial: String, revokedAt: Int64, reason: Int) {
            self.serial = serial
            self.revokedAt = revokedAt
            self.reason = reason
        }
    }

    /// - Parameters:
    ///   - keyDER: of the issuer, PKCS#8 or SEC 1; wiped.
    ///   - now, nextUpdate: seconds since the epoch.
    ///   - number: rises with every list of this issuer.
    /// - Returns: the list in DER.
    package static func sign(
        _ entries: [Entry], issuerDER: [UInt8], keyDER: inout [UInt8], now: Int64, nextUpdate: Int64, number: Int
    ) throws(TLSFailure) -> [UInt8] {
        let issuer = try ParsedCertificate(der: issuerDER)
        let key = try TLSPrivateKey(wiping: &keyDER)
        guard let list = X509_CRL_new() else { throw failure() }
        defer { X509_CRL_free(list) }
        guard X509_CRL_set_version(list, 1) == 1, X509_CRL_set_issuer_name(list, X509_get_subject_name(issuer.pointer)) == 1 else {
            throw failure()
        }
        try set(now) { X509_CRL_set1_lastUpdate(list, $0) }
        try set(nextUpdate) { X509_CRL_set1_nextUpdate(list, $0) }
        for entry in entries { try add(entry, to: list) }
        try addExtensions(to: list, issuer: issuer.pointer, number: number)
        guard X509_CRL_sort(list) == 1, X509_CRL_sign(list, key.pointer, EVP_sha256()) > 0 else { throw failure() }
        var der: UnsafeMutablePointer<UInt8>?
        let length = i2d_X509_CRL(list, &der)
        guard length > 0, let der else { throw failure() }
        defer { copenssl_free(der) }
        return [UInt8](UnsafeBufferPointer(start: der, count: Int(length)))
    }

    private static func add(_ entry: Entry, to list: OpaquePointer) throws(TLSFailure) {
        guard let revoked = X509_REVOKED_new() else { throw failure() }
        var isOwned = true
        defer { if isOwned { X509_REVOKED_free(revoked) } }
        var number: OpaquePointer?
        guard BN_hex2bn(&number, entry.serial) > 0 else { throw failure() }
        defer { BN_free(number) }
        guard let serial = BN_to_ASN1_INTEGER(number, nil) else { throw failure() }
        defer { ASN1_INTEGER_free(serial) }
        guard X509_REVOKED_set_serialNumber(revoked, serial) == 1 else { throw failure() }
        try set(entry.revokedAt) { X509_REVOKED_set_revocationDate(revoked, $0) }
        if entry.reason != 0 {
            guard let reason = ASN1_ENUMERATED_new() else { throw failure() }
            defer { ASN1_ENUMERATED_free(reason) }
            guard ASN1_ENUMERATED_set(reason, entry.reason) == 1,
                X509_REVOKED_add1_ext_i2d(revoked, NID_crl_reason, UnsafeMutableRawPointer(reason), 0, 0) == 1
            else { throw failure() }
        }
        guard X509_CRL_add0_revoked(list, revoked) == 1 else { throw failure() }
        isOwned = false
    }

    /// RFC 5280 §5.2.1 and §5.2.3: both must be there.
    private static func addExtensions(to list: OpaquePointer, issuer: OpaquePointer, number: Int) throws(TLSFailure) {
        guard let serial = ASN1_INTEGER_new() else { throw failure() }
        defer { ASN1_INTEGER_free(serial) }
        guard ASN1_INTEGER_set_int64(serial, Int64(number)) == 1,
            X509_CRL_add1_ext_i2d(list, NID_crl_number, UnsafeMutableRawPointer(serial), 0, 0) == 1
        else { throw failure() }
        guard let identifier = X509_get0_subject_key_id(issuer), let key = AUTHORITY_KEYID_new() else { return }
        defer { AUTHORITY_KEYID_free(key) }
        key.pointee.keyid = ASN1_OCTET_STRING_dup(identifier)
        guard X509_CRL_add1_ext_i2d(list, NID_authority_key_identifier, UnsafeMutableRawPointer(key), 0, 0) == 1 else { throw failure() }
    }

    private static func set(_ seconds: Int64, _ use: (UnsafeMutablePointer<ASN1_TIME>) -> Int32) throws(TLSFailure) {
        guard let time = ASN1_TIME_set(nil, time_t(seconds)) else { throw failure() }
        defer { ASN1_TIME_free(time) }
        guard use(time) == 1 else { throw failure() }
    }

    private static func failure() -> TLSFailure {
        TLSFailure(.noCertificate, "no list of revoked certificates could be made: \(ErrorQueue.takeText())")
    }
}
