package import MeshResilience

/// How one of several endpoints at the same distance is chosen (R4.1).
package enum BalanceMethod: String, Sendable, CaseIterable {
    /// The fewest outstanding requests for its weight.
    case leastOutstanding = "least_outstanding"
    /// In turn, by weight.
    case roundRobin = "round_robin"
    /// Of two drawn at random the one with the smaller product of latency and outstanding requests.
    case peakEWMA = "peak_ewma"
    /// The same one for the same key (rendezvous hashing).
    case hash
}

/// How the endpoints of one service are treated.
package struct BalanceSettings: Hashable, Sendable {
    package var method = BalanceMethod.leastOutstanding
    package var breaker = Sensitivity.normal

    package init(method: BalanceMethod = .leastOutstanding, breaker: Sensitivity = .normal) {
        self.method = method
        self.breaker = breaker
    }
}
