/// How requests to one service are treated: its policy file's keys, with the platform's defaults where it has none (R5).
package struct TrafficRules: Hashable, Sendable {
    /// R5.1.
    package static let defaultTimeout = Duration.seconds(3)
    package static let defaultRetries = 2

    /// For the whole request, retries included.
    package var timeout = defaultTimeout
    /// Attempts after the first.
    package var retries = defaultRetries
    package var rateLimit: ServicePolicy.RateLimit?

    package init() {}

    package var timeoutNanoseconds: UInt64 {
        let parts = timeout.components
        return UInt64(max(0, parts.seconds)) * 1_000_000_000 + UInt64(max(0, parts.attoseconds / 1_000_000_000))
    }

    package init(_ policy: ServicePolicy) {
        timeout = policy.timeouts.request ?? Self.defaultTimeout
        retries = policy.retries?.attempts ?? Self.defaultRetries
        rateLimit = policy.rateLimit
    }
}
