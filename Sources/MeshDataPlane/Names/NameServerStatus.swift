package import MeshTypes

/// What the name server knows, for operators.
package struct NameServerStatus: Sendable {
    package var upstreams: [UpstreamStatus] = []
    /// All that are not configured together, those among them that are asked no more; nil where there were none.
    package var learnt: UpstreamStatus?
    package var cache = NameCacheStatus()
    /// Clients that wait for an upstream; connections over TCP.
    package var waiting = 0
    package var connections = 0

    package init() {}
}

/// What the cache holds and did.
package struct NameCacheStatus: Sendable, Equatable {
    package var entries = 0
    package var bytes = 0
    package var capacity = 0
    package var hits: UInt64 = 0
    package var misses: UInt64 = 0
    /// Answers that had run out and were given all the same.
    package var stale: UInt64 = 0
    /// Answers that made room for others.
    package var evictions: UInt64 = 0

    package init() {}
}

/// One upstream as this node knows it.
package struct UpstreamStatus: Sendable, Equatable {
    package let address: SocketAddress
    /// From the configuration; else of the node's resolv.conf.
    package let isConfigured: Bool
    package internal(set) var isDown = false
    /// Failures behind one another.
    package internal(set) var failures = 0
    package internal(set) var lastFailure: UpstreamFailure?
    /// Nanoseconds, smoothed; 0 before the first answer.
    package internal(set) var latency: UInt64 = 0
    package internal(set) var queries: UInt64 = 0
    package internal(set) var answers: UInt64 = 0
    package internal(set) var failuresByKind: [UpstreamFailure: UInt64] = [:]
    /// Answers by latency: of `latencyBounds`, with one more place for all that took longer; and their sum in nanoseconds.
    package internal(set) var latencies = [UInt64](repeating: 0, count: UpstreamStatus.latencyBounds.count + 1)
    package internal(set) var latencySum: UInt64 = 0

    /// Milliseconds.
    package static let latencyBounds: [UInt64] = [1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 2500]

    init(address: SocketAddress, isConfigured: Bool) {
        self.address = address
        self.isConfigured = isConfigured
    }

    /// Counts what another counted.
    mutating func absorb(_ other: UpstreamStatus) {
        queries += other.queries
        answers += other.answers
        failuresByKind.merge(other.failuresByKind) { $0 + $1 }
        for place in latencies.indices { latencies[place] += other.latencies[place] }
        latencySum &+= other.latencySum
    }
}

/// What can go wrong with an upstream.
package enum UpstreamFailure: String, Sendable, CaseIterable {
    case timeout
    /// Nobody listens there, or it cannot be reached.
    case unreachable
    /// SERVFAIL, REFUSED and the like: it lives, but does not say.
    case refusal
    /// What came answered something else, or cannot be read.
    case mismatch
    /// It answers over UDP, but its answer is too long for that, and over TCP it says nothing.
    case stream = "no_tcp"
}
