package import MeshBalancing
package import MeshTypes

/// What this node knows of one of its endpoints that it checks.
package struct EndpointHealth: Sendable {
    package let service: ServiceID
    package let address: SocketAddress
    package internal(set) var readiness: Readiness
    /// Its process does not answer; nil where that is not checked.
    package internal(set) var isHanging: Bool?
    /// Nanoseconds since the epoch: from when on `readiness` is what it is.
    package internal(set) var since: UInt64
    /// What went wrong with the last probe that failed since it was last ready.
    package internal(set) var failure: String?
}

/// A check changed its mind about an endpoint.
package struct HealthEvent: Sendable {
    package let service: ServiceID
    package let endpoint: SocketAddress
    package let kind: HealthCheckKind
    package let isPassing: Bool
    /// Why it does not pass.
    package let failure: String?
}

/// Told when a check changes its mind; called on the thread that probes.
package typealias HealthReport = @Sendable (_ event: HealthEvent) -> Void

/// What came of probes.
package struct HealthTally: Hashable, Sendable {
    package enum Result: String, Sendable, CaseIterable {
        case passed, failed
        /// The node itself could not ask: it says nothing of the endpoint.
        case skipped
    }

    package let service: ServiceID
    package let kind: HealthCheckKind
    package let result: Result
}
