internal import Foundation
internal import MeshIdentity

/// What an authority shows as itself: to nodes that ask it, and to other authorities under its root.
struct AuthorityCertificate: Sendable {
    private static let lifetime = Duration.seconds(24 * 3600)

    let shown: AuthorityClient.Shown
    /// Half of its life is over.
    let renewAt: Date
    private let issuerDER: [UInt8]

    static func make(of authority: EmbeddedCA, now: Date = Date()) throws(AuthorityFailure) -> AuthorityCertificate {
        let issuer = authority.issuerDER
        let (keyPEM, requestDER) = try NodeCredential.newRequest()
        let issued = try authority.issue(
            .authority(trustDomain: authority.trustDomain), publicKeyDER: try CertificateRequest(der: requestDER).publicKeyDER,
            lifetime: lifetime, now: now, to: authority.node)
        return AuthorityCertificate(
            shown: AuthorityClient.Shown(chainDER: issued.chainDER, keyPEM: keyPEM),
            renewAt: now.addingTimeInterval(issued.notAfter.timeIntervalSince(now) / 2), issuerDER: issuer)
    }

    /// Neither half over nor of an issuer before.
    func isCurrent(of authority: EmbeddedCA, now: Date = Date()) -> Bool { issuerDER == authority.issuerDER && now < renewAt }
}
