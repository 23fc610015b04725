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
    /// Of the choice under way: how it stands, and whether it is among those to choose from. Kept here, so that choosing copies no endpoint.
    var standing = Standing.unsuitable
    var isCandidate = false

    /// How an endpoint stands for what is wished, worst first.
    enum Standing: Int, Comparable {
        /// Tried already, or of another version.
        case unsuitable
        /// Not ready, and enough others are.
        case spared
        /// Its breaker is open.
        case passedOver
        case well

        static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
    }

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

    func standing(for wish: EndpointWish, _ limits: BreakerSettings, sparesUnready: Bool, now: UInt64) -> Standing {
        if wish.tried.contains(id) || (wish.version != 0 && wish.version != version) { return .unsuitable }
        if sparesUnready, isUnready(now: now) { return .spared }
        // A probe may fail: a request has one at most, and its further attempts go where all is well.
        if !wish.tried.isEmpty { return breaker.isClosed ? .well : .passedOver }
        return wish.passes(breaker, limits, now: now) ? .well : .passedOver
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

extension EndpointWish {
    /// A copy goes nowhere that callers' requests would not go, and takes no probe of a breaker that is half open.
    func passes(_ breaker: CircuitBreaker, _ limits: BreakerSettings, now: UInt64) -> Bool {
        isShadow ? breaker.isClosed : breaker.admits(limits, now: now)
    }
}
