internal import Foundation
internal import MeshTLS
internal import MeshTypes

/// One service's key, certificate and schedule. Values only; `IdentityStore` does the asking.
struct IdentityRecord {
    let identity: SPIFFEID
    private(set) var current: Held?
    /// Attempts since the last success.
    private(set) var failures = 0
    private(set) var lastError: String?
    private(set) var nextAttempt: Date
    private(set) var hasExpired = false
    /// Serials of all certificates that it had and that have not ended: connections may still show them.
    private var shown: [String: Date] = [:]
    /// A request is on its way; nobody makes a second one.
    var isAsking = false

    /// What serves now.
    struct Held {
        let credential: TLSCredential
        let chainDER: [[UInt8]]
        let key: TLSPrivateKey
        let notBefore: Date
        let notAfter: Date
    }

    init(identity: SPIFFEID, now: Date) {
        self.identity = identity
        nextAttempt = now
    }

    /// True if the authority is to be asked now. A clock that jumped back before the certificate's beginning counts too.
    /// - Parameter always: the source has something new at times of its own.
    func isDue(_ now: Date, always: Bool = false) -> Bool {
        guard !isAsking else { return false }
        if always { return true }
        if let current, now < current.notBefore, failures == 0 { return true }
        return now >= nextAttempt
    }

    mutating func succeeded(_ held: Held, now: Date, chance: Double) {
        current = held
        shown = shown.filter { $0.value > now }
        shown[held.credential.serial] = held.notAfter
        failures = 0
        lastError = nil
        hasExpired = false
        nextAttempt = RenewalSchedule.due(issued: now, notAfter: held.notAfter, chance: chance)
    }

    mutating func failed(_ why: String, now: Date, chance: Double) {
        failures += 1
        lastError = why
        nextAttempt = RenewalSchedule.retry(failures: failures, now: now, notAfter: current?.notAfter, chance: chance)
    }

    /// Lets go of a certificate that may not be used any more. - Returns: the serials that count no more, with their ends.
    mutating func withdraw() -> [String: Date] {
        current = nil
        defer { shown = [:] }
        return shown
    }

    /// Lets go of a certificate that ended. - Returns: true if there was one.
    mutating func expire(_ now: Date) -> Bool {
        guard let current, now >= current.notAfter else { return false }
        self.current = nil
        hasExpired = true
        return true
    }

    /// Lets go of a certificate that the authority took back.
    mutating func revoke(_ revoked: RevokedSerials, now: Date) {
        guard let current, revoked.contains(current.credential.serial) else { return }
        self.current = nil
        lastError = "its certificate \(current.credential.serial) was revoked"
        nextAttempt = now
    }

    /// What waits after a failure waits no longer; a renewal that a clock moved out of reach is brought back.
    mutating func retry(_ now: Date) {
        if current == nil || failures > 0 { nextAttempt = min(nextAttempt, now) }
        if let current {
            let issued = CertificateProfile.issued(notBefore: current.notBefore)
            let half = RenewalSchedule.due(issued: issued, notAfter: current.notAfter, chance: 1)
            nextAttempt = min(nextAttempt, max(half, now))
        }
    }

    /// The same certificate, with peers checked against other roots.
    mutating func trust(_ bundle: TrustBundle) throws(TLSFailure) {
        guard let current else { return }
        let credential = try TLSCredential(
            identity: identity, chainDER: current.chainDER, privateKey: current.key, trust: bundle)
        self.current = Held(
            credential: credential, chainDER: current.chainDER, key: current.key, notBefore: current.notBefore,
            notAfter: current.notAfter)
    }

    var status: CertificateStatus {
        let state: CertificateStatus.State =
            if current != nil { lastError == nil ? .valid : .failing } else { hasExpired ? .expired : .pending }
        return CertificateStatus(
            service: identity.service, identity: identity, state: state, notBefore: current?.notBefore, notAfter: current?.notAfter,
            serial: current?.credential.serial, nextAttempt: nextAttempt, lastError: lastError)
    }
}
