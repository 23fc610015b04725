internal import Crypto
internal import Foundation
internal import MeshTLS
internal import MeshTypes
internal import SwiftASN1

/// `crl.pem` beside `revocations.json`: for programs outside the mesh that check its certificates.
enum RevocationList {
    static let file = "crl.pem"
    /// A reader asks for another one after this; the authority writes one with every order.
    private static let validity: Int64 = 7 * 24 * 3600

    /// - Parameter keyPEM: the issuer's.
    static func write(
        _ record: RevocationRecord, issuerDER: [UInt8], keyPEM: String, in files: borrowing AuthorityDirectory, now: Date
    ) throws(AuthorityFailure) {
        let seconds = Int64(now.timeIntervalSince1970)
        let entries = record.certificates.map {
            RevocationListFile.Entry(serial: $0.serial, revokedAt: $0.revokedAt, reason: $0.reason.number)
        }
        let pem: String
        do {
            var key = try PEMDocument(pemString: keyPEM).derBytes
            let der = try RevocationListFile.sign(
                entries, issuerDER: issuerDER, keyDER: &key, now: seconds, nextUpdate: seconds + validity,
                // Milliseconds: two orders within a second differ.
                number: Int(now.timeIntervalSince1970 * 1000))
            pem = PEMDocument(type: "X509 CRL", derBytes: der).pemString
        } catch {
            throw AuthorityFailure(.request, "\(file) cannot be written: \(error)", advice: "the order itself is in force; report it")
        }
        try files.write(file, Array((pem + "\n").utf8), mode: 0o644)
    }
}
