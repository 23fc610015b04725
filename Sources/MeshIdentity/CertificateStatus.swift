package import Foundation
package import MeshTypes

/// One service's certificate, for operators.
package struct CertificateStatus: Sendable, Equatable {
    package enum State: String, Sendable, CaseIterable {
        /// None yet: nothing can be sent as this service.
        case pending
        case valid
        /// Serves, but its renewal fails.
        case failing
        /// It ended before the authority came back.
        case expired
    }

    package let service: ServiceIdentity
    package let identity: SPIFFEID
    package let state: State
    /// nil while pending.
    package let notBefore: Date?
    package let notAfter: Date?
    /// Upper-case hexadecimal.
    package let serial: String?
    /// When the next renewal or attempt is due.
    package let nextAttempt: Date?
    /// What the authority said last, nil after a success.
    package let lastError: String?
}
