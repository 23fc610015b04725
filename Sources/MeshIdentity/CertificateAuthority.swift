package import Foundation
package import MeshTLS
package import MeshTypes

/// Signs the certificates of this node's services (R1.5).
package protocol CertificateAuthority: Sendable {
    /// DER of the certificates that peers may descend from; two during a change of authority. May change over time.
    func trustedRoots() async throws(AuthorityFailure) -> [[UInt8]]

    /// Certificates that are refused before they end. May change over time.
    func revocations() async throws(AuthorityFailure) -> RevokedSerials

    /// A certificate for a key that the caller holds.
    /// - Parameters:
    ///   - requestDER: PKCS#10 of a P-256 key, signed by it.
    ///   - lifetime: from `now`; the authority may give less.
    func issue(
        for identity: SPIFFEID, requestDER: [UInt8], lifetime: Duration, now: Date
    ) async throws(AuthorityFailure) -> IssuedCertificate
}

/// What an authority answers.
package struct IssuedCertificate: Sendable {
    /// Leaf first, without the root.
    package let chainDER: [[UInt8]]
    package let notBefore: Date
    package let notAfter: Date

    package init(chainDER: [[UInt8]], notBefore: Date, notAfter: Date) {
        self.chainDER = chainDER
        self.notBefore = notBefore
        self.notAfter = notAfter
    }
}
