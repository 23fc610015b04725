package import MeshBalancing
package import MeshResilience
package import MeshRouting
internal import MeshTypes

/// How one request is treated. Times in nanoseconds.
package struct RequestRules: Hashable, Sendable {
    /// R5.1, R5.2.
    package static let defaultTimeout = Duration.seconds(3)
    package static let defaultRetries = 2
    /// How long nothing may move of a request that has no deadline, unless its policy says otherwise.
    package static let unboundedIdle = Duration.seconds(300)

    /// For the whole request, retries included; nil for no deadline.
    package var timeout: UInt64? = defaultTimeout.nanoseconds
    /// For one attempt, to the head of its answer; nil for as long as there is.
    package var tryTimeout: UInt64?
    /// Without a byte in either direction; nil for no bound of its own.
    package var idle: UInt64?
    /// For a connection that changed its protocol, and for a request without a deadline.
    package var stream: UInt64?
    /// Attempts after the first.
    package var retries = defaultRetries
    /// Also what is not idempotent may be sent again.
    package var retriesAll = false
    package var rateLimit: ServicePolicy.RateLimit?

    package init() {}

    /// - Parameter inherited: what the service says for all its requests.
    init(
        _ timeouts: ServicePolicy.Timeouts, _ retries: ServicePolicy.Retries?, _ rateLimit: ServicePolicy.RateLimit?,
        inherited: RequestRules = RequestRules()
    ) {
        self = inherited
        self.rateLimit = rateLimit
        if let time = timeouts.request { timeout = time.nanoseconds }
        if timeouts.isUnbounded { timeout = nil }
        if let time = timeouts.attempt { tryTimeout = time.nanoseconds }
        if let time = timeouts.idle { idle = time.nanoseconds }
        if let time = timeouts.stream { stream = time.nanoseconds }
        if let retries {
            self.retries = retries.attempts
            retriesAll = retries.areForAll
        }
    }
}

/// How messages are changed on their way.
package struct MessageChanges: Hashable, Sendable {
    package var request = HeaderChanges.none
    package var response = HeaderChanges.none
    package var rewrite: Rewrite?

    package init() {}

    /// - Parameter inherited: what the service says for all its requests.
    init(_ changes: ServicePolicy.Changes, inherited: MessageChanges = MessageChanges()) {
        request = changes.request ?? inherited.request
        response = changes.response ?? inherited.response
        rewrite = changes.rewrite ?? inherited.rewrite
    }
}

/// Some of a service's requests, and what is different for them.
package struct RouteRules: Hashable, Sendable {
    package let match: RouteMatch
    package let requests: RequestRules
    /// Empty for instances of any version.
    package let split: [VersionShare]
    package let fault: InjectedFault?
    package let redirect: Redirect?
    package let mirror: Mirror?
    package let changes: MessageChanges
}

/// How requests to one service are treated: its policy file's keys, with the platform's defaults where it has none (R4, R5).
package struct TrafficRules: Hashable, Sendable {
    package var requests = RequestRules()
    /// The first one that matches counts.
    package var routes: [RouteRules] = []
    package var balance = BalanceSettings()
    /// The field that keeps requests together with `hash`, in lower case; nil for the caller's address.
    package var affinity: [UInt8]?
    package var concurrency: Int?
    package var queue = ServicePolicy.Queue()
    /// What is asked of the endpoints, by their own nodes; nil for nothing.
    package var health: HealthRules?
    package var changes = MessageChanges()
    package var identity = ServicePolicy.Identity()

    package init() {}

    /// Without `concurrency` nothing waits.
    package var queueBounds: QueueBounds {
        QueueBounds(concurrency: concurrency ?? .max, limit: queue.limit, wait: queue.wait.nanoseconds)
    }

    package init(_ policy: ServicePolicy) {
        let requests = RequestRules(policy.timeouts, policy.retries, policy.rateLimit)
        self.requests = requests
        balance = BalanceSettings(method: policy.balance, breaker: policy.circuitBreaker ?? .normal)
        affinity = policy.affinity.map { Array($0.utf8) }
        concurrency = policy.concurrency
        queue = policy.queue ?? ServicePolicy.Queue()
        health = policy.health
        identity = policy.identity
        let changes = MessageChanges(policy.changes)
        self.changes = changes
        routes = policy.routes.map { route in
            RouteRules(
                match: route.match,
                requests: RequestRules(route.timeouts, route.retries, route.rateLimit, inherited: requests),
                split: route.split, fault: route.fault, redirect: route.redirect, mirror: route.mirror,
                changes: MessageChanges(route.changes, inherited: changes))
        }
    }
}

extension UInt64 {
    /// At most the largest number.
    package func saturatingAdd(_ other: UInt64) -> UInt64 {
        let (sum, overflows) = addingReportingOverflow(other)
        return overflows ? .max : sum
    }
}
