internal import Glibc
internal import MeshResilience
package import MeshTypes

/// The endpoints of one service as all callers of this node see them: how busy, how quick, how well (R4.1–R4.3, R5.3). A pure value; times
/// are monotonic nanoseconds. Choosing looks at each endpoint once.
package struct ServiceBalance: Sendable {
    private var endpoints: [EndpointState] = []
    private var settings = BalanceSettings()
    private var breaker = CircuitBreaker()
    private var readiness = ReadinessTable()
    private var generation: UInt64?
    private var turn: UInt64 = 0
    private var comparedAt: UInt64 = 0

    /// An endpoint that cannot be reached is passed over for this long at first (nanoseconds).
    private let firstUnreachable: UInt64
    private static let longestUnreachable: UInt64 = 8_000_000_000
    /// At most this share of a service's endpoints is passed over for bad answers.
    private static let maximumEjected = 0.5
    private static let comparisonInterval: UInt64 = 1_000_000_000

    package init(firstUnreachable: UInt64) { self.firstUnreachable = firstUnreachable }

    // MARK: What there is

    /// Takes over what a newer snapshot says; what is known of endpoints that stay is kept.
    package mutating func adopt(_ current: [Endpoint], _ settings: BalanceSettings, here: Locality, generation: UInt64, now: UInt64) {
        if let known = self.generation, known >= generation { return }
        let isFirst = self.generation == nil
        self.generation = generation
        self.settings = settings
        guard isFirst || current != endpoints.map(\.endpoint) else { return }
        let known = Dictionary(endpoints.map { ($0.endpoint, $0) }) { first, _ in first }
        endpoints = current.map { endpoint in
            if let state = known[endpoint] { return state }
            var state = EndpointState(endpoint, here: here, warmAt: isFirst ? 0 : now + EndpointState.warming)
            if let entry = readiness[endpoint.address, now], !entry.isReady { state.unreadyUntil = entry.until }
            return state
        }
    }

    // MARK: Readiness

    /// An endpoint's node says whether it is ready (R5.5). One that becomes ready comes to its full share gradually.
    ///
    /// - Parameter until: what is said counts until then; later nothing is known, and the endpoint counts as ready.
    package mutating func learn(_ readiness: Readiness, of address: SocketAddress, until: UInt64, now: UInt64) {
        let wasUnready = self.readiness[address, now]?.isReady == false
        self.readiness.learn(readiness, of: address, until: until, now: now)
        guard let index = endpoints.firstIndex(where: { $0.endpoint.address == address }) else { return }
        let entry = self.readiness[address, now]
        endpoints[index].unreadyUntil = entry?.isReady == false ? until : 0
        if wasUnready, entry?.isReady == true { endpoints[index].warmAt = now + EndpointState.warming }
    }

    /// The endpoint is known not to be ready, and enough others of the service may be: it should get nothing.
    package func spares(_ address: SocketAddress, now: UInt64) -> Bool {
        guard endpoints.contains(where: { $0.endpoint.address == address && $0.isUnready(now: now) }) else { return false }
        return sparesUnready(version: 0, now: now)
    }

    /// Unready endpoints are passed over, unless hardly any would be left: whether one was tried already makes no difference.
    private func sparesUnready(version: UInt64, now: UInt64) -> Bool {
        guard !readiness.isEmpty else { return false }
        var (ready, all) = (0.0, 0.0)
        for index in endpoints.indices where version == 0 || version == endpoints[index].version {
            all += endpoints[index].weight
            if !endpoints[index].isUnready(now: now) { ready += endpoints[index].weight }
        }
        return ready < all && !LocalityShares.isPanic(well: ready, of: all)
    }

    // MARK: Choosing

    package mutating func choose(
        _ wish: EndpointWish, now: UInt64, using random: inout FastRandom
    ) -> (choice: EndpointChoice, event: BreakerEvent?) {
        guard wish.passes(breaker, settings.breaker.settings.ofService, now: now) else {
            return (.circuitOpen(wait: breaker.wait(now: now)), nil)
        }
        guard let index = index(wish, now: now, using: &random) else { return (.noEndpoint, nil) }
        turn &+= 1
        guard !wish.isShadow else { return (shadow(index, now), nil) }
        var event = breaker.begin(now: now).map { BreakerEvent(change: $0, endpoint: nil) }
        endpoints[index].outstanding += 1
        if let change = endpoints[index].breaker.begin(now: now), event == nil {
            event = BreakerEvent(change: change, endpoint: endpoints[index].endpoint.address)
        }
        let ticket = EndpointTicket(slot: Int32(index), endpoint: endpoints[index].id, taken: now)
        return (.chosen(endpoints[index].endpoint, ticket), event)
    }

    /// It has its load on the endpoint like any other, and nothing else.
    private mutating func shadow(_ index: Int, _ now: UInt64) -> EndpointChoice {
        endpoints[index].outstanding += 1
        var ticket = EndpointTicket(slot: Int32(index), endpoint: endpoints[index].id, taken: now)
        ticket.isJudged = true
        return .chosen(endpoints[index].endpoint, ticket)
    }

    private mutating func index(_ wish: EndpointWish, now: UInt64, using random: inout FastRandom) -> Int? {
        // Who dials one endpoint gets that one, whatever is known of it.
        if let address = wish.address {
            return endpoints.firstIndex { $0.endpoint.address == address && !wish.tried.contains($0.id) }
        }
        let shares = review(for: wish, now: now)
        let draw = wish.key == 0 ? Double.random(in: 0..<1, using: &random) : Double(StableHash.mix(wish.key) >> 11) / Double(1 << 53)
        if !shares.isPanic, let distance = shares.distance(at: draw) {
            for index in endpoints.indices {
                endpoints[index].isCandidate = endpoints[index].standing == .well && endpoints[index].distance == distance
            }
        } else {
            // Breakers are passed over; what is not ready stays spared while enough is.
            var nearest: Locality.Distance?
            for index in endpoints.indices where endpoints[index].standing >= .passedOver {
                nearest = min(nearest ?? .elsewhere, endpoints[index].distance)
            }
            for index in endpoints.indices {
                endpoints[index].isCandidate = endpoints[index].standing >= .passedOver && endpoints[index].distance == nearest
            }
        }
        return among(wish, now: now, using: &random)
    }

    /// Sees how each endpoint stands for what is wished.
    private mutating func review(for wish: EndpointWish, now: UInt64) -> LocalityShares {
        let limits = settings.breaker.settings
        let spares = sparesUnready(version: wish.version, now: now)
        var shares = LocalityShares()
        for index in endpoints.indices {
            let standing = endpoints[index].standing(for: wish, limits, sparesUnready: spares, now: now)
            endpoints[index].standing = standing
            guard standing != .unsuitable else { continue }
            shares.add(
                endpoints[index].distance, endpoints[index].weight, warmWeight: endpoints[index].warmWeight(now: now),
                isWell: standing == .well)
        }
        return shares
    }

    private func among(_ wish: EndpointWish, now: UInt64, using random: inout FastRandom) -> Int? {
        let method = wish.key == 0 && settings.method == .hash ? .leastOutstanding : settings.method
        switch method {
        case .leastOutstanding:
            return least { Double(endpoints[$0].outstanding + 1) / endpoints[$0].warmWeight(now: now) }
        case .hash:
            return least { rendezvous(endpoints[$0], wish.key, now) }
        case .roundRobin:
            return inTurn(now)
        case .peakEWMA:
            let first = drawn(except: nil, using: &random)
            guard let first, let second = drawn(except: first, using: &random) else { return first }
            return endpoints[first].cost(now: now) <= endpoints[second].cost(now: now) ? first : second
        }
    }

    /// The smallest; of equals the next one each time. The turn goes round among the candidates: counted over all endpoints, the first
    /// candidate would have the turns of all that are none before it.
    private func least(_ measure: (Int) -> Double) -> Int? {
        var count = 0
        for index in endpoints.indices where endpoints[index].isCandidate { count += 1 }
        guard count > 0 else { return nil }
        let start = Int(turn % UInt64(count))
        var (choice, smallest, nearest) = (0, Double.infinity, count)
        var place = 0
        for index in endpoints.indices where endpoints[index].isCandidate {
            let distance = place >= start ? place - start : place - start + count
            let value = measure(index)
            if value < smallest || (value == smallest && distance < nearest) { (choice, smallest, nearest) = (index, value, distance) }
            place += 1
        }
        return choice
    }

    private func inTurn(_ now: UInt64) -> Int? {
        var total = 0.0
        for index in endpoints.indices where endpoints[index].isCandidate { total += endpoints[index].warmWeight(now: now) }
        // Steps of the golden ratio's fraction spread the turns evenly for any weights.
        var mark = (Double(turn) * 0.618_033_988_749_895).truncatingRemainder(dividingBy: 1) * total
        var last: Int?
        for index in endpoints.indices where endpoints[index].isCandidate {
            last = index
            mark -= endpoints[index].warmWeight(now: now)
            if mark < 0 { return index }
        }
        return last
    }

    private func drawn(except other: Int?, using random: inout FastRandom) -> Int? {
        var seen = 0
        var choice: Int?
        for index in endpoints.indices where index != other && endpoints[index].isCandidate {
            seen += 1
            if Int.random(in: 0..<seen, using: &random) == 0 { choice = index }
        }
        return choice
    }

    /// Weighted rendezvous hashing: the endpoint with the smallest value keeps the key, and takes only its own keys with it when it goes.
    private func rendezvous(_ state: EndpointState, _ key: UInt64, _ now: UInt64) -> Double {
        let unit = (Double(StableHash.mix(key ^ state.id) >> 11) + 0.5) / Double(1 << 53)
        return -log(unit) / state.warmWeight(now: now)
    }

    // MARK: Learning

    /// It is known how the attempt went: when the answer's head came, the connection stood, or all was lost.
    ///
    /// - Parameter latency: nanoseconds from the attempt's start; nil if there is none to learn from.
    package mutating func judge(
        _ ticket: inout EndpointTicket, _ outcome: AttemptOutcome, latency: UInt64?, now: UInt64
    ) -> [BreakerEvent] {
        guard !ticket.isNone, !ticket.isJudged else { return [] }
        ticket.isJudged = true
        let succeeded: Bool? =
            switch outcome {
            case .succeeded: true
            case .failed, .unreachable: false
            case .abandoned: nil
            }
        let limits = settings.breaker.settings
        var events: [BreakerEvent] = []
        let change = breaker.end(succeeded: succeeded, latency: latency ?? 0, limits.ofService, now: now)
        if let change { events.append(BreakerEvent(change: change, endpoint: nil)) }
        guard let index = slot(of: ticket) else { return events }
        if let latency, succeeded == true { endpoints[index].learn(latency: latency, now: now) }
        if let change = learn(index, outcome, succeeded, latency ?? 0, limits, now) {
            events.append(BreakerEvent(change: change, endpoint: endpoints[index].endpoint.address))
        }
        if let slow = compare(limits, now) { events.append(slow) }
        return events
    }

    /// The endpoint has one fewer to serve.
    package mutating func release(_ ticket: EndpointTicket) {
        guard let index = slot(of: ticket) else { return }
        endpoints[index].outstanding = max(0, endpoints[index].outstanding - 1)
    }

    private func slot(of ticket: EndpointTicket) -> Int? {
        let index = Int(ticket.slot)
        guard index >= 0 else { return nil }
        if endpoints.indices.contains(index), endpoints[index].id == ticket.endpoint { return index }
        return endpoints.firstIndex { $0.id == ticket.endpoint }
    }

    private mutating func learn(
        _ index: Int, _ outcome: AttemptOutcome, _ succeeded: Bool?, _ latency: UInt64, _ limits: BreakerSettings, _ now: UInt64
    ) -> CircuitBreaker.Change? {
        // A service's only endpoint is not passed over: its callers would learn nothing better from that.
        let isAlone = endpoints.count < 2
        if outcome == .unreachable, !isAlone {
            return endpoints[index].breaker.open(limits, cooling: firstUnreachable, longest: Self.longestUnreachable, now: now)
        }
        let wasClosed = endpoints[index].breaker.isClosed
        // Where no more may be passed over, the attempt is counted as if it said nothing.
        let mayOpen = !isAlone && (!wasClosed || hasRoom)
        let counted = succeeded == false && !mayOpen ? nil : succeeded
        let change = endpoints[index].breaker.end(succeeded: counted, latency: latency, limits, now: now)
        if change == .closed { endpoints[index].warmAt = now + EndpointState.warming }
        return change
    }

    /// One more endpoint may be passed over.
    private var hasRoom: Bool {
        var ejected = 0
        for index in endpoints.indices where !endpoints[index].breaker.isClosed { ejected += 1 }
        return Double(ejected + 1) <= max(1, Self.maximumEjected * Double(endpoints.count))
    }

    /// Once a second: an endpoint that is much slower than the others is passed over.
    private mutating func compare(_ limits: BreakerSettings, _ now: UInt64) -> BreakerEvent? {
        guard now.elapsed(since: comparedAt) >= Self.comparisonInterval, endpoints.count > 1 else { return nil }
        comparedAt = now
        for index in endpoints.indices { endpoints[index].breaker.age(to: now) }
        let busy = endpoints.indices.filter {
            endpoints[$0].breaker.isClosed && endpoints[$0].breaker.window.succeeded >= limits.volume
        }
        guard busy.count > 1, hasRoom,
            let slowest = busy.max(by: { endpoints[$0].breaker.window.meanLatency < endpoints[$1].breaker.window.meanLatency })
        else { return nil }
        let others = busy.filter { $0 != slowest }.map { endpoints[$0].breaker.window.meanLatency }.sorted()
        let median = others[others.count / 2]
        let worst = endpoints[slowest].breaker.window.meanLatency
        guard worst > limits.slowness * median, worst - median > Self.noticeable else { return nil }
        guard let change = endpoints[slowest].breaker.open(limits, now: now) else { return nil }
        return BreakerEvent(change: change, endpoint: endpoints[slowest].endpoint.address)
    }

    /// Nanoseconds: differences below it are noise, whatever their ratio.
    private static let noticeable = 20_000_000.0

    // MARK: Looking inside

    package func status(now: UInt64) -> [EndpointStatus] {
        endpoints.map { state in
            let known = readiness[state.endpoint.address, now]
            return EndpointStatus(
                address: state.endpoint.address, state: BreakerName(state.breaker.state, now: now), outstanding: state.outstanding,
                latency: .nanoseconds(Int64(state.latency)), readiness: known.map { $0.isReady ? .ready : .unready } ?? .unknown,
                readinessAge: known.map { .nanoseconds(Int64(now &- $0.since)) })
        }
    }

    package func breakerName(now: UInt64) -> BreakerName { BreakerName(breaker.state, now: now) }
}
