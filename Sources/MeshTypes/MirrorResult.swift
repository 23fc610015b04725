/// What became of a copy of a request (`mirror`, R4.4), or why none was made.
package enum MirrorResult: UInt8, BitwiseCopyable, Sendable, CaseIterable {
    /// It was answered, whatever the answer's status: nobody got it.
    case sent
    /// No endpoint, no connection, or none that lasted to the end of an answer.
    case failed
    /// No whole answer within the mirror's `timeout`.
    case timeout
    /// The caller may not call the mirror, or not with this request.
    case denied
    /// As many copies as the mirror's `concurrency` permits were under way.
    case overLimit
    /// The request's body is larger than what is kept for another attempt.
    case bodyTooLarge
    /// The request itself never went whole to an endpoint: it was answered before, or broken off.
    case incomplete

    /// Of a copy that was to be sent, by what ended it; `none` for an answer that came to its end.
    package init(_ reason: DenialReason) {
        switch reason {
        case .none: self = .sent
        case .deadlineExceeded, .endpointTimeout, .idleTimeout: self = .timeout
        case .notAllowed, .denied, .unknownWorkload: self = .denied
        default: self = .failed
        }
    }

    /// As metrics are labelled.
    package var label: String {
        switch self {
        case .sent: "sent"
        case .failed: "failed"
        case .timeout: "timeout"
        case .denied: "denied"
        case .overLimit: "over_limit"
        case .bodyTooLarge: "body_too_large"
        case .incomplete: "incomplete"
        }
    }

    /// The access log has a line of it; copies that this node did without are only counted.
    package var isLogged: Bool {
        switch self {
        case .sent, .failed, .timeout, .denied: true
        case .overLimit, .bodyTooLarge, .incomplete: false
        }
    }
}
