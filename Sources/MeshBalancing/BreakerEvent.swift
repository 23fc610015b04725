package import MeshResilience
package import MeshTypes

/// A breaker changed: of an endpoint, or of the service as a whole.
package struct BreakerEvent: Sendable, Equatable {
    package let change: CircuitBreaker.Change
    /// nil for the service's own.
    package let endpoint: SocketAddress?

    package init(change: CircuitBreaker.Change, endpoint: SocketAddress?) {
        self.change = change
        self.endpoint = endpoint
    }
}

/// A breaker's state, as people and dashboards read it.
package enum BreakerName: String, Sendable, CaseIterable {
    case closed, open
    case halfOpen = "half-open"

    init(_ state: CircuitBreaker.State, now: UInt64) {
        self =
            switch state {
            case .closed: .closed
            case .open(let until): now < until ? .open : .halfOpen
            case .halfOpen: .halfOpen
            }
    }
}

/// What this node knows of an endpoint, for `myelinctl endpoints`.
package struct EndpointStatus: Sendable {
    package let address: SocketAddress
    package let state: BreakerName
    package let outstanding: Int
    /// Of answers, the slow ones weighing more.
    package let latency: Duration
    /// As its node says, and how long ago it began to.
    package let readiness: Readiness
    package let readinessAge: Duration?
}
