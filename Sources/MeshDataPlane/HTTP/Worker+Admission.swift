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
    ) -> (rules: ExchangeRules, timeout: UInt64?, changes: MessageChanges) {
        guard let service else { return (ExchangeRules(), RequestRules.defaultTimeout.nanoseconds, MessageChanges()) }
        let traffic = service.traffic
        var rules = ExchangeRules()
        var requests = traffic.requests
        var changes = traffic.changes
        if let index = traffic.routes.firstIndex(where: { $0.match.matches(request, fields, bytes) }) {
            let route = traffic.routes[index]
            requests = route.requests
            changes = route.changes
            rules.route = Int16(clamping: index)
            rules.version = route.split.drawn(using: &random).map { StableHash.of($0.version) } ?? 0
            if let fault = route.fault, fault.strikes(using: &random) {
                rules.abort = UInt16(fault.abort ?? 0)
                rules.delay = fault.delay?.nanoseconds ?? 0
            }
            if let mirror = route.mirror { rules.mirror = plan(mirror, of: service, route: index) }
        }
        rules.retries = UInt8(clamping: requests.retries)
        rules.retriesAll = requests.retriesAll
        rules.tryTimeout = requests.tryTimeout ?? 0
        rules.idle = requests.idle ?? 0
        rules.stream = requests.stream ?? 0
        if traffic.balance.method == .hash { rules.affinity = affinity(traffic.affinity, bytes, origin) }
        rules.refusal = refusal(of: request.target.slice(of: bytes), changes.rewrite, at: service, from: origin)
        return (rules, requests.timeout, changes)
    }

    /// Policy judges what the caller asked for, and what the service will be asked for: neither is a way around the other.
    private func refusal(
        of target: UnsafeRawBufferPointer, _ rewrite: Rewrite?, at service: SnapshotService, from origin: Caller.Origin
    ) -> DenialReason {
        guard let snapshot else { return .none }
        let asked = verdict(from: origin.source, to: service, on: target, in: snapshot)
        guard asked == .none, let rewrite else { return asked }
        writer.removeAll()
        rewrite.write(target, to: &writer)
        return verdict(from: origin.source, to: service, on: writer.bytes, in: snapshot)
    }

    func affinity(_ field: [UInt8]?, _ bytes: UnsafeRawBufferPointer, _ origin: Caller.Origin) -> UInt64 {
        guard let field else { return StableHash.of(origin.sourceAddress.ip.description) }
        return RouteMatch.value(of: field, fields, bytes).map { StableHash.of($0) } ?? 0
    }

    /// The request is whole enough to be sent: now, later, or not at all.
    func startExchange(_ handle: SlabHandle, _ caller: UnsafeMutablePointer<Caller>) {
        guard let service = snapshot?.service(caller.pointee.origin.destination) else { return answer(handle, caller, .draining) }
        if caller.pointee.exchange.rules.refusal != .none { return answer(handle, caller, caller.pointee.exchange.rules.refusal) }
        if caller.pointee.exchange.rules.endsHere { return give(handle, caller, OwnAnswer(endOf: caller.pointee.exchange.method)) }
        switch chargeRate(handle, caller, service) {
        case .passes: passRate(handle, caller, service)
        case .waits: return
        case .refused(let refusal): give(handle, caller, refusal)
        }
    }

    /// Its rate has room for it.
    func passRate(_ handle: SlabHandle, _ caller: UnsafeMutablePointer<Caller>, _ service: SnapshotService) {
        let routes = service.traffic.routes
        let route =
            routes.indices.contains(Int(caller.pointee.exchange.rules.route)) ? routes[Int(caller.pointee.exchange.rules.route)] : nil
        if let redirect = route?.redirect { return give(handle, caller, OwnAnswer(redirect)) }
        if caller.pointee.exchange.rules.delay > 0 {
            caller.pointee.exchange.stage = .backingOff
            caller.pointee.exchange.retryAt = now + caller.pointee.exchange.rules.delay
            return schedule(handle, caller, at: caller.pointee.exchange.due)
        }
        proceed(handle, caller, service)
    }

    /// After the delay of an injected fault, if there was one.
    private func proceed(_ handle: SlabHandle, _ caller: UnsafeMutablePointer<Caller>, _ service: SnapshotService) {
        let status = Int(caller.pointee.exchange.rules.abort)
        if status > 0 { return give(handle, caller, OwnAnswer(status: status, reason: .injectedFault)) }
        guard service.traffic.concurrency != nil else { return attemptRequest(handle, caller) }
        let (arrival, number) = shared.admissions.arrive(
            handle, mailbox, at: service.id, from: caller.pointee.origin.source, service.traffic.queueBounds,
            timeLeft: caller.pointee.exchange.deadline - min(now, caller.pointee.exchange.deadline), now: now)
        switch arrival {
        case .admitted:
            caller.pointee.exchange.admission.since = now
            attemptRequest(handle, caller)
        case .refused(let wait): give(handle, caller, OwnAnswer(.queueFull, retryAfter: wait))
        case .shed(let wait): give(handle, caller, OwnAnswer(.shed, retryAfter: wait))
        case .queued, .queuedInsteadOf:
            caller.pointee.exchange.admission.number = number
            caller.pointee.exchange.admission.queuedAt = now
            caller.pointee.exchange.stage = .queued
            caller.pointee.exchange.retryAt = now + service.traffic.queue.wait.nanoseconds
            schedule(handle, caller, at: caller.pointee.exchange.due)
        }
    }

    /// A place became free for a request that waited.
    func admitted(_ handle: SlabHandle, _ service: ServiceID, _ number: UInt64) {
        guard let caller = callers.find(handle), caller.pointee.stage == .exchange, caller.pointee.exchange.stage == .queued,
            caller.pointee.exchange.admission.number == number
        else {
            // It gave up while the message was on its way.
            return shared.admissions.leave(service, took: nil, bounds(of: service), now: now)
        }
        caller.pointee.exchange.admission.since = now
        attemptRequest(handle, caller)
        pumpCaller(handle)
    }

    /// A request that waited is refused so that others wait less.
    func turnedAway(_ handle: SlabHandle, _ number: UInt64, _ reason: DenialReason) {
        guard let caller = callers.find(handle), caller.pointee.stage == .exchange, caller.pointee.exchange.stage == .queued,
            caller.pointee.exchange.admission.number == number
        else { return }
        let waited = now &- caller.pointee.exchange.admission.queuedAt
        give(handle, caller, OwnAnswer(reason, retryAfter: waited))
        pumpCaller(handle)
    }

    private func bounds(of service: ServiceID) -> QueueBounds {
        snapshot?.service(service)?.traffic.queueBounds ?? TrafficRules().queueBounds
    }

    /// The time of a request that waits is over: to be sent again, for a fault's delay, or in the queue.
    func waitingEnded(_ handle: SlabHandle, _ caller: UnsafeMutablePointer<Caller>) {
        if caller.pointee.exchange.stage == .queued {
            guard caller.pointee.exchange.admission.lease != 0 else { return answer(handle, caller, .queueFull) }
            return settleLease(handle, caller, .unanswered)
        }
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
            shared.admissions.leave(service, took: now - admission.since, bounds(of: service), now: now)
        } else if admission.number != 0 {
            _ = shared.admissions.withdraw(admission.number, at: service, from: caller.pointee.origin.source)
        }
    }
}
