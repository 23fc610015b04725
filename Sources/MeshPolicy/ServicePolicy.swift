package import MeshTypes

/// What one policy file says (R6.5).
package struct ServicePolicy: Sendable {
    /// May plaintext reach the service's ports.
    package enum MutualTLS: String, Sendable, CaseIterable { case required, permissive }
    /// How quickly the service's circuit breaker opens (R5.3).
    package enum Sensitivity: String, Sendable, CaseIterable { case low, normal, high }

    /// `timeouts:`; nil means the platform's default.
    package struct Timeouts: Hashable, Sendable {
        package var request: Duration?
        package init(request: Duration? = nil) { self.request = request }
    }

    /// `retries:`; attempts after the first. `{enabled: false}` is 0 attempts.
    package struct Retries: Hashable, Sendable {
        package static let maximumAttempts = 3
        package let attempts: Int
        package init(attempts: Int) { self.attempts = attempts }
    }

    /// `rate_limit: 500/min`.
    package struct RateLimit: Hashable, Sendable {
        package let requests: Int
        package let period: Duration
        package init(requests: Int, period: Duration) {
            self.requests = requests
            self.period = period
        }
    }

    package let service: ServiceName
    package var allow: [PolicyRule] = []
    package var deny: [PolicyRule] = []
    package var mutualTLS = MutualTLS.required
    package var timeouts = Timeouts()
    package var retries: Retries?
    package var rateLimit: RateLimit?
    package var circuitBreaker: Sensitivity?
    /// `concurrency:`, requests at one moment.
    package var concurrency: Int?
    /// `queue: {limit: 100}`, requests that may wait.
    package var queueLimit: Int?
    /// Where the policy stands: its file, line 1.
    package let location: RuleLocation

    package init(service: ServiceName, location: RuleLocation) {
        self.service = service
        self.location = location
    }

    /// What the file asks for that is read and checked but not applied to traffic yet, as the file writes it.
    ///
    /// - Parameter isHTTP: the service's requests are seen one by one, so that what the file says of them applies.
    package func notEnforced(isHTTP: Bool) -> [String] {
        var keys: [String] = []
        if !isHTTP {
            if timeouts.request != nil { keys.append("timeouts.request") }
            if retries != nil { keys.append("retries") }
            if rateLimit != nil { keys.append("rate_limit") }
        }
        if circuitBreaker != nil { keys.append("circuit_breaker") }
        if concurrency != nil { keys.append("concurrency") }
        if queueLimit != nil { keys.append("queue") }
        for (list, rules) in [("allow", allow), ("deny", deny)] {
            keys += rules.compactMap { rule in rule.operation.map { "\(list) operation \($0)" } }
        }
        return keys
    }
}
