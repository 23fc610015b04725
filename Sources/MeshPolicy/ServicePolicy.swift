package import MeshBalancing
package import MeshResilience
package import MeshRouting
package import MeshTypes

/// What one policy file says (R6.5).
package struct ServicePolicy: Sendable {
    /// May plaintext reach the service's ports.
    package enum MutualTLS: String, Sendable, CaseIterable { case required, permissive }

    /// `timeouts:`; nil means the platform's default.
    package struct Timeouts: Hashable, Sendable {
        package var request: Duration?
        /// `try`: one attempt, to the head of its answer.
        package var attempt: Duration?
        /// `request: none`: no deadline for the whole request.
        package var isUnbounded = false
        /// No byte in either direction.
        package var idle: Duration?
        /// For a connection that changed its protocol, and for a request without a deadline.
        package var stream: Duration?
        package init(request: Duration? = nil, attempt: Duration? = nil) {
            self.request = request
            self.attempt = attempt
        }

        /// - Parameter outer: what holds where these do not say.
        package func inheriting(_ outer: Timeouts) -> Timeouts {
            var times = self
            if request == nil, !isUnbounded { (times.request, times.isUnbounded) = (outer.request, outer.isUnbounded) }
            times.attempt = attempt ?? outer.attempt
            times.idle = idle ?? outer.idle
            times.stream = stream ?? outer.stream
            return times
        }
    }

    /// `retries:`; attempts after the first. `{enabled: false}` is 0 attempts.
    package struct Retries: Hashable, Sendable {
        package static let maximumAttempts = 3
        package let attempts: Int
        /// `methods: all`: also what is not idempotent.
        package let areForAll: Bool
        package init(attempts: Int, areForAll: Bool = false) {
            self.attempts = attempts
            self.areForAll = areForAll
        }
    }

    /// `rate_limit: 500/min`, or `{limit: 500/min, burst: 50, per: caller, scope: global}`.
    package struct RateLimit: Hashable, Sendable {
        /// Whose requests are counted together.
        package enum Scope: String, Sendable, CaseIterable { case service, caller }
        /// `scope`: whether each node counts for itself, or all together.
        package enum Reach: String, Sendable, CaseIterable { case node, global }

        package let requests: Int
        package let period: Duration
        /// How many may come at once: all of a period's, unless it says otherwise.
        package let burst: Int
        package let scope: Scope
        package let reach: Reach

        package init(requests: Int, period: Duration, burst: Int? = nil, scope: Scope = .service, reach: Reach = .node) {
            self.requests = requests
            self.period = period
            self.burst = burst ?? requests
            self.scope = scope
            self.reach = reach
        }
    }

    /// `queue:`; requests that wait while `concurrency` are being answered.
    package struct Queue: Hashable, Sendable {
        package static let defaultWait = Duration.seconds(1)
        package var limit = 0
        /// The longest that one waits.
        package var wait = defaultWait
        package init(limit: Int = 0, wait: Duration = defaultWait) {
            self.limit = limit
            self.wait = wait
        }
    }

    /// `request_headers:`, `response_headers:` and `rewrite:`; nil where the entry does not say.
    package struct Changes: Hashable, Sendable {
        package var request: HeaderChanges?
        package var response: HeaderChanges?
        package var rewrite: Rewrite?
        package init() {}
    }

    /// One entry of `routes:`.
    package struct Route: Hashable, Sendable {
        package var match = RouteMatch()
        package var timeouts = Timeouts()
        package var retries: Retries?
        package var rateLimit: RateLimit?
        package var split: [VersionShare] = []
        package var fault: InjectedFault?
        package var redirect: Redirect?
        package var mirror: Mirror?
        package var changes = Changes()
        package init() {}
    }

    /// `identity_header:` and `forwarded_from:`: what the service reads in a request of who called.
    package struct Identity: Hashable, Sendable {
        package enum Header: String, Sendable, CaseIterable {
            case none
            /// `x-forwarded-client-cert`, in Envoy's format.
            case xfcc
        }

        package var header = Header.none
        /// Callers of the same namespace that may say for whom they ask (`Forwarded`, `X-Forwarded-For` and the like).
        package var forwarders: Set<ServiceName> = []
        package init() {}
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
    package var queue: Queue?
    package var balance = BalanceMethod.leastOutstanding
    /// The field that `balance: {method: hash}` goes by, in lower case.
    package var affinity: String?
    package var routes: [Route] = []
    /// `health:`; nil: nothing is checked.
    package var health: HealthRules?
    package var changes = Changes()
    package var identity = Identity()
    /// `dns: {names: […]}`: the names outside the mesh that it may ask for.
    package var foreignNames: [ForeignName] = []
    /// Where the policy stands: its file, line 1.
    package let location: RuleLocation

    package init(service: ServiceName, location: RuleLocation) {
        self.service = service
        self.location = location
    }

    /// What the file asks for that is read and checked but not applied to traffic yet, as the file writes it.
    ///
    /// - Parameters:
    ///   - mayBeHTTP: the service's requests are seen one by one, so that what the file says of them applies.
    ///   - sharesLimits: the node has a place where all nodes count together.
    package func notEnforced(mayBeHTTP: Bool, sharesLimits: Bool = true) -> [String] {
        var keys: [String] = []
        if !mayBeHTTP {
            if timeouts.request != nil || timeouts.isUnbounded { keys.append("timeouts.request") }
            if timeouts.idle != nil { keys.append("timeouts.idle") }
            if timeouts.stream != nil { keys.append("timeouts.stream") }
            if retries != nil { keys.append("retries") }
            if rateLimit != nil { keys.append("rate_limit") }
            if concurrency != nil { keys.append("concurrency") }
            if queue != nil { keys.append("queue") }
            if !routes.isEmpty { keys.append("routes") }
            if changes.request != nil { keys.append("request_headers") }
            if changes.response != nil { keys.append("response_headers") }
            if changes.rewrite != nil { keys.append("rewrite") }
            if identity.header != .none { keys.append("identity_header") }
            if !identity.forwarders.isEmpty { keys.append("forwarded_from") }
        } else if !sharesLimits {
            // Each node enforces the whole limit instead.
            if rateLimit?.reach == .global { keys.append("rate_limit.scope") }
            if routes.contains(where: { $0.rateLimit?.reach == .global }) { keys.append("routes.rate_limit.scope") }
        }
        return keys
    }
}
