internal import MeshTypes
internal import SwiftASN1
internal import X509

/// Certificates in PEM (RFC 7468).
enum PEMFile {
    static func certificates(_ bytes: [UInt8], path: String) throws(AuthorityFailure) -> [[UInt8]] {
        do {
            return try PEMDocument.parseMultiple(pemString: String(decoding: bytes, as: UTF8.self)).map {
                try CertificateProfile.der(Certificate(pemDocument: $0))
            }
        } catch {
            throw AuthorityFailure(.damaged, "\(path) is not a list of certificates in PEM: \(error)", advice: "correct or remove it")
        }
    }
}

extension PEMFile {
    static func text(_ certificatesDER: [[UInt8]]) throws(AuthorityFailure) -> String {
        do {
            return try certificatesDER.map { try Certificate(derEncoded: $0).serializeAsPEM().pemString + "\n" }.joined()
        } catch { throw AuthorityFailure(.damaged, "a certificate cannot be written: \(error)", advice: "report it") }
    }
}
