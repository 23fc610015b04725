/// How the node answers its workloads' DNS.
package struct NamesView: Codable, Sendable, Equatable {
    /// A server that is asked for names outside the mesh.
    package struct Upstream: Codable, Sendable, Equatable {
        package let address: String
        /// Of node.yaml; else of the node's resolv.conf.
        package let isConfigured: Bool
        package let isDown: Bool
        /// Behind one another.
        package let failures: Int
        /// `timeout`, `unreachable`, `refusal`, `mismatch` or `no_tcp`; absent before the first.
        package let lastFailure: String?
        /// Smoothed; 0 before the first answer.
        package let latencyMilliseconds: Double
        package let queries: UInt64
        package let answers: UInt64

        package init(
            address: String, isConfigured: Bool, isDown: Bool, failures: Int, lastFailure: String?, latencyMilliseconds: Double,
            queries: UInt64, answers: UInt64
        ) {
            self.address = address
            self.isConfigured = isConfigured
            self.isDown = isDown
            self.failures = failures
            self.lastFailure = lastFailure
            self.latencyMilliseconds = latencyMilliseconds
            self.queries = queries
            self.answers = answers
        }
    }

    /// Answers of upstreams that are kept.
    package struct Cache: Codable, Sendable, Equatable {
        package let entries: Int
        package let bytes: Int
        package let capacity: Int
        package let hits: UInt64
        package let misses: UInt64
        /// Answers that had run out and were given all the same.
        package let stale: UInt64
        package let evictions: UInt64

        package init(entries: Int, bytes: Int, capacity: Int, hits: UInt64, misses: UInt64, stale: UInt64, evictions: UInt64) {
            self.entries = entries
            self.bytes = bytes
            self.capacity = capacity
            self.hits = hits
            self.misses = misses
            self.stale = stale
            self.evictions = evictions
        }
    }

    /// Queries with one outcome.
    package struct Count: Codable, Sendable, Equatable {
        package let result: String
        package let count: UInt64

        package init(result: String, count: UInt64) {
            self.result = result
            self.count = count
        }
    }

    /// Names outside the mesh that a service's policy or share refused, or would have with `foreign: audit`.
    package struct Refusal: Codable, Sendable, Equatable {
        package let service: String
        /// `not_listed`, `type`, `random`, `rate` or `information`.
        package let why: String
        package let count: UInt64

        package init(service: String, why: String, count: UInt64) {
            self.service = service
            self.why = why
            self.count = count
        }
    }

    /// `all` or `callable`.
    package let view: String
    /// `refuse` or `audit`.
    package let foreign: String
    package let refusals: [Refusal]
    package let upstreams: [Upstream]
    package let cache: Cache
    package let queries: [Count]
    /// Clients that wait for an upstream.
    package let waiting: Int
    /// DNS connections over TCP.
    package let connections: Int
    /// Messages from upstream that answered no question of ours.
    package let unsolicited: UInt64

    package init(
        view: String, foreign: String, refusals: [Refusal], upstreams: [Upstream], cache: Cache, queries: [Count], waiting: Int,
        connections: Int, unsolicited: UInt64
    ) {
        self.view = view
        self.foreign = foreign
        self.refusals = refusals
        self.upstreams = upstreams
        self.cache = cache
        self.queries = queries
        self.waiting = waiting
        self.connections = connections
        self.unsolicited = unsolicited
    }
}
