internal import MeshBalancing
internal import MeshPolicy
internal import MeshProtocols
internal import MeshResilience
internal import MeshRouting
internal import MeshRuntime
internal import MeshSnapshot
internal import MeshTypes

/// Before a request goes on its way: which route it takes, whether its service takes one more now, and what was injected into it.
extension Worker {
    /// What the policy says of the request whose head was parsed last.
    func rules(
        for request: RequestHead, _ bytes: UnsafeRawBufferPointer, to service: SnapshotService?, from origin: Caller.Origin
    ) -> (rules: ExchangeRules, timeout: UInt64) {
        guard let traffic = service?.traffic else { return (ExchangeRules(), RequestRules.defaultTimeout.nanoseconds) }
        var rules = ExchangeRules()
        if let snapshot, let service {
            rules.refusal = verdict(from: origin.source, to: service, on: request.target.slice(of: bytes), in: snapshot)
        }
        var requests = traffic.requests
        if let index = traffic.routes.firstIndex(where: { $0.match.matches(request, fields, bytes) }) {
            let route = traffic.routes[index]
            requests = route.requests
            rules.route = Int16(clamping: index)
            rules.version = route.split.drawn(using: &random).map { StableHash.of($0.version) } ?? 0
            if let fault = route.fault, fault.strikes(using: &random) {
                rules.abort = UInt16(fault.abort ?? 0)
                rules.delay = fault.delay?.nanoseconds ?? 0
            }
        }
        rules.retries = UInt8(clamping: requests.retries)
        rules.retriesAll = requests.retriesAll
        rules.tryTimeout = requests.tryTimeout ?? 0
        if traffic.balance.method == .hash { rules.affinity = affinity(traffic.affinity, bytes, origin) }
        return (rules, requests.timeout)
    }

    private func affinity(_ field: [UInt8]?, _ bytes: UnsafeRawBufferPointer, _ origin: Caller.Origin) -> UInt64 {
        guard let field else { return StableHash.of(origin.sourceAddress.ip.description) }
        return RouteMatch.value(of: field, fields, bytes).map { StableHash.of($0) } ?? 0
    }

    /// The request is whole enough to be sent: now, later, or not at all.
    func startExchange(_ handle: SlabHandle, _ caller: UnsafeMutablePointer<Caller>) {
        let exchange = caller.pointee.exchange
        guard let service = snapshot?.service(caller.pointee.origin.destination) else { return answer(handle, caller, .draining) }
        if exchange.rules.refusal != .none { return answer(handle, caller, exchange.rules.refusal) }
        let routes = service.traffic.routes
        let route = routes.indices.contains(Int(exchange.rules.route)) ? routes[Int(exchange.rules.route)] : nil
        if let refusal = refusal(service, route, caller) { return give(handle, caller, refusal) }
        if let redirect = route?.redirect { return give(handle, caller, OwnAnswer(redirect)) }
        if exchange.rules.delay > 0 {
            caller.pointee.exchange.stage = .backingOff
            caller.pointee.exchange.retryAt = now + exchange.rules.delay
            return schedule(handle, caller, at: caller.pointee.exchange.due)
        }
        proceed(handle, caller, service)
    }

    /// After the delay of an injected fault, if there was one.
    private func proceed(_ handle: SlabHandle, _ caller: UnsafeMutablePointer<Caller>, _ service: SnapshotService) {
        let status = Int(caller.pointee.exchange.rules.abort)
        if status > 0 { return give(handle, caller, OwnAnswer(status: status, reason: .injectedFault)) }
        guard let concurrency = service.traffic.concurrency else { return attemptRequest(handle, caller) }
        let exchange = caller.pointee.exchange
        let (arrival, number) = shared.admissions.arrive(
            handle, mailbox, at: service.id, from: caller.pointee.origin.source, concurrency: concurrency, service.traffic.queue,
            timeLeft: exchange.deadline - min(now, exchange.deadline))
        switch arrival {
        case .admitted:
            caller.pointee.exchange.admission.since = now
            attemptRequest(handle, caller)
        case .refused(let wait): give(handle, caller, OwnAnswer(.queueFull, retryAfter: wait))
        case .queued:
            caller.pointee.exchange.admission.number = number
            caller.pointee.exchange.stage = .queued
            caller.pointee.exchange.retryAt = now + service.traffic.queue.wait.nanoseconds
            schedule(handle, caller, at: caller.pointee.exchange.due)
        }
    }

    private func refusal(
        _ service: SnapshotService, _ route: RouteRules?, _ caller: UnsafeMutablePointer<Caller>
    ) -> OwnAnswer? {
        let own = route?.requests.rateLimit
        guard let limit = own ?? service.traffic.requests.rateLimit else { return nil }
        let key = RateLimits.Key(
            service: service.id, route: own == nil ? -1 : caller.pointee.exchange.rules.route,
            caller: limit.scope == .caller ? caller.pointee.origin.source : .none)
        guard case .refused(let wait) = shared.rates.admit(key, limit, now: now) else { return nil }
        return OwnAnswer(.rateLimited, retryAfter: wait, limit: limit)
    }

    /// A place became free for a request that waited.
    func admitted(_ handle: SlabHandle, _ service: ServiceID, _ number: UInt64) {
        guard let caller = callers.find(handle), caller.pointee.stage == .exchange, caller.pointee.exchange.stage == .queued,
            caller.pointee.exchange.admission.number == number
        else {
            // It gave up while the message was on its way.
            return shared.admissions.leave(service, took: nil, concurrency: snapshot?.service(service)?.traffic.concurrency)
        }
        caller.pointee.exchange.admission.since = now
        attemptRequest(handle, caller)
        pumpCaller(handle)
    }

    /// The time of a request that waits is over: to be sent again, for a fault's delay, or in the queue.
    func waitingEnded(_ handle: SlabHandle, _ caller: UnsafeMutablePointer<Caller>) {
        if caller.pointee.exchange.stage == .queued { return answer(handle, caller, .queueFull) }
        caller.pointee.exchange.stage = .connecting
        schedule(handle, caller, at: caller.pointee.exchange.deadline)
        if caller.pointee.exchange.attempts == 0, caller.pointee.exchange.rules.delay > 0,
            let service = snapshot?.service(caller.pointee.origin.destination)
        {
            proceed(handle, caller, service)
        } else {
            attemptRequest(handle, caller)
        }
        pumpCaller(handle)
    }

    /// The request has ended, or is no request any more: its place is another's.
    func leaveQueue(_ caller: UnsafeMutablePointer<Caller>) {
        let admission = caller.pointee.exchange.admission
        let service = caller.pointee.origin.destination
        caller.pointee.exchange.admission = ExchangeAdmission()
        if admission.since != 0 {
            let concurrency = snapshot?.service(service)?.traffic.concurrency
            shared.admissions.leave(service, took: now - admission.since, concurrency: concurrency)
        } else if admission.number != 0 {
            _ = shared.admissions.withdraw(admission.number, at: service, from: caller.pointee.origin.source)
        }
    }
}
