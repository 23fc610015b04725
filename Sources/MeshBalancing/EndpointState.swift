internal import MeshResilience
internal import MeshTypes

/// What this node knows of one endpoint.
struct EndpointState {
    let endpoint: Endpoint
    let id: UInt64
    let version: UInt64
    let distance: Locality.Distance
    let weight: Double
    var outstanding = 0
    var breaker = CircuitBreaker()
    /// Nanoseconds; rises at once with a slow answer and falls slowly.
    var latency = 0.0
    var latencyAt: UInt64 = 0
    /// It takes its full share from here on; less before.
    var warmAt: UInt64 = 0
    /// Its node says that it is not ready, which is believed until then.
    var unreadyUntil: UInt64 = 0

    /// Nanoseconds over which a new or recovered endpoint comes to its full share.
    static let warming: UInt64 = 10_000_000_000
    /// Nanoseconds after which a latency counts for little.
    private static let memory = 10e9

    init(_ endpoint: Endpoint, here: Locality, warmAt: UInt64) {
        self.endpoint = endpoint
        id = StableHash.of(endpoint.address.description)
        version = StableHash.of(endpoint.version)
        distance = here.distance(to: endpoint.locality)
        weight = Double(endpoint.weight)
        self.warmAt = warmAt
    }

    func isUnready(now: UInt64) -> Bool { unreadyUntil > now }

    func warmWeight(now: UInt64) -> Double {
        guard warmAt > now else { return weight }
        return weight * max(0.1, 1 - Double(warmAt - now) / Double(Self.warming))
    }

    mutating func learn(latency sample: UInt64, now: UInt64) {
        let value = Double(sample)
        if value >= latency {
            latency = value
        } else {
            let age = Double(now.elapsed(since: latencyAt)) / Self.memory
            let kept = 1 / (1 + age)
            latency = latency * kept + value * (1 - kept)
        }
        latencyAt = now
    }

    /// Lower is better.
    func cost(now: UInt64) -> Double { max(latency, 1) * Double(outstanding + 1) / warmWeight(now: now) }
}
