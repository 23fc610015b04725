internal import MeshBalancing
internal import MeshPolicy
internal import MeshResilience
internal import MeshTypes

/// Reads what a policy file says of how requests are treated: times, retries, limits, breakers, balancing. What contradicts itself is refused.
struct TrafficDocument {
    static let times: ClosedRange<Duration> = .milliseconds(1) ... .seconds(3600)
    /// Of what may stay open for long.
    private static let longTimes: ClosedRange<Duration> = .milliseconds(1) ... .seconds(86_400)
    private static let maximumQueue = 10_000

    let service: ServiceName
    let aliases: [ServiceName: ServiceName]

    func canonical(_ name: ServiceName) -> ServiceName { aliases[name] ?? name }

    /// `{request: 5s, try: 2s, idle: 10s, stream: 60m}`; `request: none` for no deadline.
    func timeouts(_ value: DocumentValue?) -> ServicePolicy.Timeouts {
        guard let value, let mapping = value.completeMapping(keys: ["request", "try", "idle", "stream"]) else {
            return ServicePolicy.Timeouts()
        }
        var timeouts = ServicePolicy.Timeouts()
        if let request = mapping["request"] {
            timeouts.isUnbounded = request.isWord("none")
            if !timeouts.isUnbounded { timeouts.request = request.duration(in: Self.times) }
        }
        timeouts.attempt = mapping["try"]?.duration(in: Self.times)
        timeouts.idle = mapping["idle"]?.duration(in: Self.longTimes)
        timeouts.stream = mapping["stream"]?.duration(in: Self.longTimes)
        if let idle = timeouts.idle, let request = timeouts.request, idle > request, timeouts.stream == nil {
            value.report(
                "an idle time of \(idle.short) is longer than the whole request's \(request.short)",
                "shorten `idle`; if it is meant for connections that change their protocol, say how long those last with `stream`")
        }
        check(timeouts, value)
        return timeouts
    }

    /// What is part of something cannot take longer than the whole.
    func check(_ timeouts: ServicePolicy.Timeouts, _ value: DocumentValue) {
        if let attempt = timeouts.attempt, !timeouts.isUnbounded {
            let whole = timeouts.request ?? RequestRules.defaultTimeout
            if attempt > whole {
                value.report(
                    "a try of \(attempt.short) is longer than the whole request's \(whole.short)", "shorten `try`, or lengthen `request`")
            }
        }
        if let stream = timeouts.stream, let idle = timeouts.idle, idle > stream {
            value.report(
                "an idle time of \(idle.short) is longer than the stream's \(stream.short)", "shorten `idle`, or lengthen `stream`")
        }
    }

    func retries(_ value: DocumentValue) -> ServicePolicy.Retries? {
        let bound = ServicePolicy.Retries.maximumAttempts
        guard let mapping = value.completeMapping(keys: ["enabled", "attempts", "methods"]) else { return nil }
        let attempts = mapping["attempts"].map { $0.integer(in: 0...bound) ?? 0 }
        let areForAll = mapping["methods"]?.choice(RetriedMethods.self) == .all
        switch mapping["enabled"]?.bool() {
        case false?:
            if let attempts, attempts > 0 { value.report("retries are off, yet attempts is \(attempts)", "leave one of the two out") }
            if areForAll { value.report("retries are off, yet methods is all", "leave one of the two out") }
            return ServicePolicy.Retries(attempts: 0)
        case true?:
            if attempts == 0 { value.report("retries are on, yet attempts is 0", "write `enabled: false`, or 1 to \(bound) attempts") }
            return ServicePolicy.Retries(attempts: attempts ?? bound, areForAll: areForAll)
        case nil: return ServicePolicy.Retries(attempts: attempts ?? bound, areForAll: areForAll)
        }
    }

    private enum RetriedMethods: String, CaseIterable { case idempotent, all }

    private static let periods: [(name: String, length: Duration)] = [
        ("s", .seconds(1)), ("sec", .seconds(1)), ("min", .seconds(60)), ("h", .seconds(3600)), ("hour", .seconds(3600)),
    ]

    /// `500/min`, or `{limit: 500/min, burst: 50, per: caller, scope: global}`.
    func rateLimit(_ value: DocumentValue) -> ServicePolicy.RateLimit? {
        guard value.isMapping else { return rate(value) }
        guard let mapping = value.completeMapping(keys: ["limit", "burst", "per", "scope"]),
            let rate = mapping.required("limit").flatMap(rate)
        else { return nil }
        let burst = mapping["burst"]?.integer(in: 1...1_000_000_000)
        if let burst, burst > rate.requests {
            value.report("a burst of \(burst) is more than the limit of \(rate.requests)", "lower `burst`, or raise `limit`")
        }
        return ServicePolicy.RateLimit(
            requests: rate.requests, period: rate.period, burst: burst,
            scope: mapping["per"]?.choice(ServicePolicy.RateLimit.Scope.self) ?? .service,
            reach: mapping["scope"]?.choice(ServicePolicy.RateLimit.Reach.self) ?? .node)
    }

    private func rate(_ value: DocumentValue) -> ServicePolicy.RateLimit? {
        guard let text = value.string() else { return nil }
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, let requests = Int(parts[0]), (1...1_000_000_000).contains(requests),
            let period = Self.periods.first(where: { $0.name == parts[1] })
        else {
            value.report("is \(value.kind), where a rate is expected", "write it as 500/min, 20/s or 10000/h")
            return nil
        }
        return ServicePolicy.RateLimit(requests: requests, period: period.length)
    }

    func sensitivity(_ value: DocumentValue) -> Sensitivity? {
        let chosen = value.isMapping ? value.completeMapping(keys: ["sensitivity"])?.required("sensitivity") : value
        return chosen?.choice(Sensitivity.self)
    }

    func queue(_ value: DocumentValue) -> ServicePolicy.Queue? {
        guard let mapping = value.completeMapping(keys: ["limit", "wait"]) else { return nil }
        return ServicePolicy.Queue(
            limit: mapping.required("limit")?.integer(in: 0...Self.maximumQueue) ?? 0,
            wait: mapping["wait"]?.duration(in: Self.times) ?? ServicePolicy.Queue.defaultWait)
    }

    /// `round_robin`, or `{method: hash, header: x-user}`.
    func balance(_ value: DocumentValue) -> (BalanceMethod, String?) {
        guard value.isMapping else { return (value.choice(BalanceMethod.self) ?? .leastOutstanding, nil) }
        guard let mapping = value.completeMapping(keys: ["method", "header"]) else { return (.leastOutstanding, nil) }
        let method = mapping.required("method")?.choice(BalanceMethod.self) ?? .leastOutstanding
        let header = mapping["header"]?.text()?.lowercased()
        if header != nil, method != .hash {
            value.report("a `header` without `method: hash`", "leave the header out, or write `method: hash`")
        }
        return (method, header)
    }
}
