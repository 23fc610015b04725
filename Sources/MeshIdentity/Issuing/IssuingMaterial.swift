internal import Foundation
internal import X509

/// What an authority signs with at one time, and whom its nodes are to trust meanwhile.
struct IssuingMaterial: Sendable {
    let issuer: Certificate
    let key: Certificate.PrivateKey
    /// Sent behind each leaf: the issuer and those above it; empty where a root signs.
    let chainDER: [[UInt8]]
    /// The one that its certificates descend from first.
    let rootsDER: [[UInt8]]
    /// The narrowest of the issuer and those above it.
    let notBefore: Date
    let notAfter: Date
    /// Of its key, to sign lists of revoked certificates.
    let keyPEM: String
    let issuerDER: [UInt8]
}

/// Where an authority has its key from (R1.5).
package enum AuthoritySource: Sendable, Equatable {
    /// A root of its own, in the authority's directory.
    case root
    /// An intermediate that another authority issued, and the roots above it: paths of PEM files.
    case intermediate(certificate: String, key: String, roots: String)
}

/// When files were last changed, to know when they are to be read anew.
struct FileStamps: Equatable {
    private struct Stamp: Equatable {
        let inode: UInt64
        let seconds: Int
        let nanoseconds: Int
        let size: Int
    }
    private let stamps: [Stamp?]

    init(_ paths: [String]) {
        stamps = paths.map { path in
            var status = stat()
            guard stat(path, &status) == 0 else { return nil }
            return Stamp(
                inode: UInt64(status.st_ino), seconds: status.st_mtim.tv_sec, nanoseconds: status.st_mtim.tv_nsec, size: Int(status.st_size)
            )
        }
    }
}
