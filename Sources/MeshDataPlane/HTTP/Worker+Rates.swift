internal import MeshPolicy
internal import MeshResilience
internal import MeshRuntime
internal import MeshSnapshot
internal import MeshTypes

/// Whether a request's rate has room for it: this node's own count, or a lease of what all nodes share (R5.4).
extension Worker {
    /// Nanoseconds that a request waits for a lease; after that its node decides by itself.
    private static let leasePatience: UInt64 = 100_000_000

    enum RateVerdict {
        case passes
        /// It is parked; a message or its timer goes on with it.
        case waits
        case refused(OwnAnswer)
    }

    func chargeRate(_ handle: SlabHandle, _ caller: UnsafeMutablePointer<Caller>, _ service: SnapshotService) -> RateVerdict {
        guard let (limit, key) = rateLimit(service, caller) else { return .passes }
        guard limit.reach == .global, let rates = shared.globalRates else { return chargeHere(key, limit) }
        let admission = rates.admit(
            key, limit, handle, mailbox, now: now, name: sharedName(of: key, service.identity))
        switch admission {
        case .admitted:
            countHere(key, limit)
            return .passes
        case .refused(let wait): return .refused(OwnAnswer(.rateLimited, retryAfter: wait, limit: limit))
        case .unanswered: return decideAlone(key, limit, rates)
        case .waits(let number):
            caller.pointee.exchange.admission.lease = number
            caller.pointee.exchange.stage = .queued
            caller.pointee.exchange.retryAt = now + Self.leasePatience
            schedule(handle, caller, at: caller.pointee.exchange.due)
            return .waits
        }
    }

    /// The lease that a request waited for was answered, or will not be.
    func leased(_ handle: SlabHandle, _ number: UInt64, _ outcome: LeaseOutcome) {
        // A request that has ended meanwhile may have cost a token: it was asked for.
        guard let caller = callers.find(handle), caller.pointee.stage == .exchange, caller.pointee.exchange.stage == .queued,
            caller.pointee.exchange.admission.lease == number
        else { return }
        settleLease(handle, caller, outcome)
    }

    /// Goes on with a request that waited for a lease.
    func settleLease(_ handle: SlabHandle, _ caller: UnsafeMutablePointer<Caller>, _ outcome: LeaseOutcome) {
        caller.pointee.exchange.admission.lease = 0
        guard let service = snapshot?.service(caller.pointee.origin.destination) else { return answer(handle, caller, .draining) }
        switch verdict(outcome, service, caller) {
        case .refused(let refusal): give(handle, caller, refusal)
        case .passes, .waits: passRate(handle, caller, service)
        }
        pumpCaller(handle)
    }

    private func verdict(
        _ outcome: LeaseOutcome, _ service: SnapshotService, _ caller: UnsafeMutablePointer<Caller>
    ) -> RateVerdict {
        // The policy may have changed while it waited.
        guard let (limit, key) = rateLimit(service, caller), let rates = shared.globalRates else { return .passes }
        switch outcome {
        case .admitted:
            countHere(key, limit)
            return .passes
        case .refused(let wait): return .refused(OwnAnswer(.rateLimited, retryAfter: wait, limit: limit))
        case .unanswered: return decideAlone(key, limit, rates)
        }
    }

    /// The limit that the request counts towards; nil for none.
    private func rateLimit(
        _ service: SnapshotService, _ caller: UnsafeMutablePointer<Caller>
    ) -> (limit: ServicePolicy.RateLimit, key: RateLimits.Key)? {
        let number = Int(caller.pointee.exchange.rules.route)
        let own = service.traffic.routes.indices.contains(number) ? service.traffic.routes[number].requests.rateLimit : nil
        guard let limit = own ?? service.traffic.requests.rateLimit else { return nil }
        let key = RateLimits.Key(
            service: service.id, route: own == nil ? -1 : Int16(clamping: number),
            caller: limit.scope == .caller ? caller.pointee.origin.source : .none)
        return (limit, key)
    }

    private func chargeHere(_ key: RateLimits.Key, _ limit: ServicePolicy.RateLimit) -> RateVerdict {
        guard case .refused(let wait) = shared.rates.admit(key, limit, now: now) else { return .passes }
        return .refused(OwnAnswer(.rateLimited, retryAfter: wait, limit: limit))
    }

    /// What was admitted by a lease counts here too, so that this node does not begin afresh when nobody can be asked.
    private func countHere(_ key: RateLimits.Key, _ limit: ServicePolicy.RateLimit) {
        _ = shared.rates.admit(key, limit, now: now)
    }

    private func decideAlone(_ key: RateLimits.Key, _ limit: ServicePolicy.RateLimit, _ rates: GlobalRates) -> RateVerdict {
        let verdict: RateVerdict =
            switch rates.fallback {
            case .local: chargeHere(key, limit)
            case .refuse: .refused(OwnAnswer(.limitUnavailable, retryAfter: 1_000_000_000))
            }
        if case .passes = verdict { rates.noteFallback(admitted: true) } else { rates.noteFallback(admitted: false) }
        return verdict
    }

    /// What the other nodes know the limit by: names, as numbers are each node's own.
    private func sharedName(of key: RateLimits.Key, _ service: ServiceIdentity) -> String {
        var name = "\(service.namespace)/\(service.name)"
        if key.route >= 0 { name += ":route=\(key.route)" }
        if key.caller != .none {
            let caller = snapshot?.service(key.caller)?.identity
            name += ":caller=" + (caller.map { "\($0.namespace)/\($0.name)" } ?? "unknown")
        }
        return name
    }
}
