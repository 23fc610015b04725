package import MeshTypes

/// Why a TLS session, or what it is made from, cannot be used.
package struct TLSFailure: Error, Sendable, CustomStringConvertible {
    /// `peerUnverified` (chain, validity, use), `peerIdentity` (a valid certificate of somebody else), `noCertificate` (this node
    /// lacks one), `protocolViolation` (not the TLS we speak) or `tunnelFailed` (the peer gave up).
    package let reason: DenialReason
    /// One sentence for the operator.
    package let detail: String

    package init(_ reason: DenialReason, _ detail: String) {
        self.reason = reason
        self.detail = detail
    }

    package var description: String { "\(reason.code): \(detail)" }
}
