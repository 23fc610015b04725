package import Foundation

extension CertificateStatus {
    /// Renewal is due at half of a certificate's life; past this share of it something is wrong,
    package static let lateShare = 0.75
    /// and past this one there is not much time left.
    package static let urgentShare = 0.9

    /// How much of its life is over: 0 at the beginning, 1 at the end; nil while there is none.
    package func age(_ now: Date) -> Double? {
        guard let notBefore, let notAfter else { return nil }
        let issued = CertificateProfile.issued(notBefore: notBefore)
        guard notAfter > issued else { return nil }
        return max(0, now.timeIntervalSince(issued) / notAfter.timeIntervalSince(issued))
    }
}
