internal import MeshBalancing
internal import MeshPolicy
internal import MeshProtocols
internal import MeshResilience
internal import MeshRuntime
internal import MeshSnapshot
internal import MeshTypes

/// Requests on their way: where they go, how long they may take, and whether they go a second time (R5).
extension Worker {
    /// Parses the head and makes ready what endpoints get. - Returns: false when the caller was answered or is gone.
    func prepareExchange(_ handle: SlabHandle, _ caller: UnsafeMutablePointer<Caller>, _ bytes: UnsafeRawBufferPointer) -> Bool {
        let request: RequestHead
        switch RequestHead.parse(bytes, into: &fields) {
        case .failure(let refusal):
            refuseMessage(handle, caller, refusal)
            return false
        case .success(let parsed): request = parsed
        }
        let origin = caller.pointee.origin
        var (rules, timeout, changes) = rules(for: request, bytes, to: snapshot?.service(origin.destination), from: origin)
        let timeLeft = min(timeout ?? .max, request.callersTime ?? .max)
        let isUnbounded = timeLeft == .max
        rules.requestIdle = rules.idle == 0 && isUnbounded ? RequestRules.unboundedIdle.nanoseconds : rules.idle
        // In another protocol requests could not be told apart.
        let passesUpgrade = snapshot.map { !looksIntoRequests(from: origin.source, to: origin.destination, in: $0) } ?? false
        rules.endsHere = request.maxForwards == 0
        let (trace, isOwnTrace) = trace(of: request, bytes)
        let identifier =
            request.requestID.isEmpty
            ? RequestIdentifier(randomHigh: random.next(), randomLow: random.next()) : RequestIdentifier(request.requestID.slice(of: bytes))
        let additions = HeadRewriting.RequestAdditions(
            traceparent: isOwnTrace ? trace : nil, requestID: identifier, passesUpgrade: passesUpgrade,
            timeLeft: isUnbounded ? nil : timeLeft, identity: identity(of: origin.source, at: origin.destination))
        HeadRewriting.request(request, fields, bytes, additions, changes, to: &writer)
        guard !writer.overflowed else {
            refuseMessage(handle, caller, .headTooLarge)
            return false
        }
        // Fresh since the last one ended.
        caller.pointee.exchange.method = request.method
        caller.pointee.exchange.isOldVersion = request.isOldVersion
        caller.pointee.exchange.isGRPC = request.isGRPC && caller.pointee.isStream
        caller.pointee.exchange.keepsAlive = request.keepsAlive
        caller.pointee.exchange.asksUpgrade = request.asksUpgrade && passesUpgrade
        if caller.pointee.exchange.asksUpgrade { rules.mirror.isDrawn = false }
        caller.pointee.exchange.body = BodyProgress(request.body)
        caller.pointee.exchange.head.append(writer.bytes)
        changes.response.encoded.withUnsafeBytes { caller.pointee.exchange.answerChanges.append($0) }
        caller.pointee.exchange.started = now
        caller.pointee.exchange.deadline = isUnbounded && rules.stream > 0 ? now + rules.stream : now.saturatingAdd(timeLeft)
        caller.pointee.exchange.rules = rules
        caller.pointee.exchange.record = newRecord(origin)
        caller.pointee.exchange.record.request.note(request, bytes, trace, identifier)
        caller.pointee.exchange.record.request.version = caller.pointee.isStream ? 2 : 1
        caller.pointee.exchange.record.request.isGRPC = caller.pointee.exchange.isGRPC
        caller.pointee.exchange.record.sent = UInt64(bytes.count)
        caller.pointee.stage = .exchange
        schedule(handle, caller, at: caller.pointee.exchange.deadline)
        budget.begin()
        return true
    }

    func identity(of source: ServiceID, at destination: ServiceID) -> CallerIdentity {
        CallerIdentity(from: snapshot?.service(source), to: snapshot?.service(destination), in: snapshot)
    }

    /// The caller's trace, or a new one that is not sampled.
    private func trace(of request: RequestHead, _ bytes: UnsafeRawBufferPointer) -> (trace: TraceParent?, isOwn: Bool) {
        if let trace = TraceParent(request.traceparent.slice(of: bytes)) { return (trace, false) }
        return (TraceParent(traceHigh: random.next(), traceLow: random.next() | 1, span: random.next() | 1, flags: 0), true)
    }

    func newRecord(_ origin: Caller.Origin) -> FlowRecord {
        var record = FlowRecord()
        record.start = MonotonicClock.wall()
        record.source = origin.source
        record.workload = origin.workload
        record.sourceAddress = origin.sourceAddress
        record.destination = origin.destination
        record.destinationAddress = origin.destinationAddress
        record.identityVerified = true
        record.request.isPresent = true
        return record
    }

    /// Sends the request to the next endpoint.
    func attemptRequest(_ handle: SlabHandle, _ caller: UnsafeMutablePointer<Caller>) {
        let origin = caller.pointee.origin
        guard let snapshot, let service = snapshot.service(origin.destination) else { return answer(handle, caller, .draining) }
        let permit: Permit
        switch authorise(from: origin.source, to: origin.destination, in: snapshot) {
        case .refused(let reason): return answer(handle, caller, reason)
        case .permitted(let given): permit = given
        }
        var wish = EndpointWish()
        wish.tried = caller.pointee.exchange.tried
        wish.address = origin.named
        wish.version = caller.pointee.exchange.rules.version
        wish.key = caller.pointee.exchange.rules.affinity
        wish.isShadow = caller.pointee.isCopy
        let endpoint: Endpoint
        switch chooseEndpoint(wish, of: service, in: snapshot) {
        case .noEndpoint:
            if caller.pointee.exchange.mayReturn {
                caller.pointee.exchange.tried = TriedEndpoints()
                return attemptRequest(handle, caller)
            }
            let reason = caller.pointee.exchange.record.reason
            return answer(handle, caller, reason == .none ? .noEndpoint : reason)
        case .circuitOpen(let wait): return answer(handle, caller, .circuitOpen, retryAfter: wait)
        case .chosen(let chosen, let ticket):
            endpoint = chosen
            caller.pointee.exchange.ticket = ticket
            caller.pointee.exchange.tried.insert(ticket)
        }
        caller.pointee.exchange.attempts += 1
        caller.pointee.exchange.mayHaveArrived = false
        caller.pointee.exchange.stage = .connecting
        caller.pointee.exchange.record.endpoint = endpoint.address
        let tryTimeout = caller.pointee.exchange.rules.tryTimeout
        caller.pointee.exchange.attemptEnds = tryTimeout == 0 ? .max : now + tryTimeout
        schedule(handle, caller, at: caller.pointee.exchange.due)
        let isCopy = caller.pointee.isCopy
        let key = UpstreamKey(source: origin.source, sourceIP: origin.sourceAddress.ip, endpoint: endpoint.address, isShadow: isCopy)
        guard !caller.pointee.isStream else { return attemptOnSession(handle, caller, key, permit, endpoint, service, snapshot) }
        if let flow = idleUpstream(key, handle, isCareful: !caller.pointee.exchange.method.isIdempotent || isCopy) {
            caller.pointee.exchange.upstream = flow
            caller.pointee.exchange.isOnReused = true
            sendRequest(handle, caller)
        } else {
            caller.pointee.exchange.isOnReused = false
            openUpstream(handle, caller, key, permit, endpoint, service, snapshot)
        }
    }

    /// The endpoint is connected: head, and what was kept of the body in an earlier attempt.
    func sendRequest(_ handle: SlabHandle, _ caller: UnsafeMutablePointer<Caller>) {
        let upstream = caller.pointee.exchange.upstream
        guard let flow = flows.find(upstream) else { return }
        caller.pointee.exchange.stage = .sent
        caller.pointee.exchange.mayHaveArrived = true
        watchIdleness(handle, caller)
        caller.pointee.exchange.record.path = flow.pointee.kind == .local ? .local : .tunnel
        let replay = caller.pointee.exchange.replay.readable
        let more = !replay.isEmpty || (caller.pointee.hasUnreadInput && !caller.pointee.exchange.body.hasEnded)
        guard write(caller.pointee.exchange.head.readable, to: flow, more: more), replay.isEmpty || write(replay, to: flow) else {
            return upstreamLost(upstream, flow, .endpointClosed)
        }
        if caller.pointee.exchange.body.hasEnded { copyIfDrawn(caller) } else { resume(handle, caller) }
    }

    /// The attempt failed before the caller got anything of an answer: another one, or an answer that says why.
    func attemptEnded(_ handle: SlabHandle, _ caller: UnsafeMutablePointer<Caller>, _ reason: DenialReason) {
        caller.pointee.exchange.record.reason = reason
        caller.pointee.exchange.upstream = .none
        if !caller.pointee.exchange.isOnReused || reason != .endpointClosed {
            judge(
                &caller.pointee.exchange.ticket, of: caller.pointee.origin.destination,
                AttemptOutcome(reason, mayHaveArrived: caller.pointee.exchange.mayHaveArrived))
        }
        release(&caller.pointee.exchange.ticket, of: caller.pointee.origin.destination)
        guard let delay = retryDelay(caller) else { return answer(handle, caller, reason) }
        wait(handle, caller, delay)
    }

    /// Nanoseconds until the next attempt; nil for none.
    ///
    /// What was certainly not sent may go elsewhere whatever the policy says of retries. What may have arrived goes again only if that does
    /// no harm (R5.2), the policy allows it, its bytes are still there, and not too many retries are under way.
    private func retryDelay(_ caller: UnsafeMutablePointer<Caller>) -> UInt64? {
        guard caller.pointee.origin.named == nil, !caller.pointee.isCopy, now < caller.pointee.exchange.deadline else { return nil }
        if !caller.pointee.exchange.mayHaveArrived {
            return Int(caller.pointee.exchange.attempts) < shared.options.maximumAttempts ? 0 : nil
        }
        guard caller.pointee.exchange.method.isIdempotent || caller.pointee.exchange.rules.retriesAll, caller.pointee.exchange.isReplayable,
            caller.pointee.exchange.attempts <= caller.pointee.exchange.rules.retries
        else { return nil }
        if !caller.pointee.exchange.isRetry {
            guard budget.takeRetry() else { return nil }
            caller.pointee.exchange.isRetry = true
        }
        counters.retries += 1
        let delay = Backoff.delay(after: Int(caller.pointee.exchange.attempts), using: &random)
        return now + delay < caller.pointee.exchange.deadline ? delay : nil
    }

    private func wait(_ handle: SlabHandle, _ caller: UnsafeMutablePointer<Caller>, _ delay: UInt64) {
        guard delay > 0 else { return attemptRequest(handle, caller) }
        caller.pointee.exchange.stage = .backingOff
        caller.pointee.exchange.retryAt = now + delay
        schedule(handle, caller, at: now + delay)
    }

    /// An answer that invites another attempt (502, 503, 504) of a request that may be repeated. - Returns: true when there will be one.
    func retriesInstead(
        of head: ResponseHead, _ bytes: UnsafeRawBufferPointer, _ handle: SlabHandle, _ caller: UnsafeMutablePointer<Caller>
    ) -> Bool {
        guard (502...504).contains(head.status) else { return false }
        var least: UInt64 = 1
        // Without a deadline it is the idle time that bounds a wait.
        let patience = caller.pointee.exchange.rules.requestIdle == 0 ? .max : caller.pointee.exchange.rules.requestIdle
        if !head.retryAfter.isEmpty {
            // A date, or longer than there is time: the caller decides.
            guard let seconds = head.retryAfter.decimal(in: bytes), seconds < 3600,
                now + seconds * 1_000_000_000 < min(caller.pointee.exchange.deadline, now.saturatingAdd(patience))
            else { return false }
            least = max(least, seconds * 1_000_000_000)
        }
        guard let delay = retryDelay(caller) else { return false }
        dropUpstream(caller)
        release(&caller.pointee.exchange.ticket, of: caller.pointee.origin.destination)
        caller.pointee.exchange.record.reason = .endpointClosed
        wait(handle, caller, max(delay, least))
        return true
    }

    func exchangeTimer(_ handle: SlabHandle, _ caller: UnsafeMutablePointer<Caller>) {
        if now >= caller.pointee.exchange.deadline { return deadlinePassed(handle, caller) }
        if endsIdle(handle, caller) { return }
        guard now >= caller.pointee.exchange.due else { return schedule(handle, caller, at: caller.pointee.exchange.due) }
        switch caller.pointee.exchange.stage {
        case .backingOff, .queued: waitingEnded(handle, caller)
        case .connecting, .sent:
            dropUpstream(caller)
            attemptEnded(handle, caller, .endpointTimeout)
        case .answering: schedule(handle, caller, at: caller.pointee.exchange.due)
        }
    }

    private func deadlinePassed(_ handle: SlabHandle, _ caller: UnsafeMutablePointer<Caller>) {
        // Of an endpoint that had little time it says nothing.
        if !caller.pointee.exchange.ticket.isNone,
            now &- caller.pointee.exchange.ticket.taken >= (caller.pointee.exchange.deadline &- caller.pointee.exchange.started) / 2
        {
            judge(&caller.pointee.exchange.ticket, of: caller.pointee.origin.destination, .failed)
        }
        endLate(handle, caller, .deadlineExceeded)
    }

    /// The answer has gone to the caller whole: the next request, or the end.
    func completeExchange(_ handle: SlabHandle, _ caller: UnsafeMutablePointer<Caller>, closes: Bool) {
        endExchange(caller, .closed, .none)
        awaitNext(handle, caller, closes: closes)
    }

    /// Records the request. The upstream must have been released or dropped.
    func endExchange(_ caller: UnsafeMutablePointer<Caller>, _ ending: FlowRecord.Ending, _ reason: DenialReason) {
        guard !caller.pointee.isCopy else { return endCopy(caller, ending, reason) }
        if caller.pointee.exchange.mayHaveArrived { forgoCopy(caller) }
        leaveQueue(caller)
        release(&caller.pointee.exchange.ticket, of: caller.pointee.origin.destination)
        caller.pointee.exchange.record.duration = now &- caller.pointee.exchange.started
        caller.pointee.exchange.record.ending = ending
        caller.pointee.exchange.record.reason = reason
        caller.pointee.exchange.record.request.attempts = caller.pointee.exchange.attempts
        ring.push(caller.pointee.exchange.record)
        counters.requests += 1
        budget.end(wasRetried: caller.pointee.exchange.isRetry)
        caller.pointee.exchange.free()
        caller.pointee.exchange = Exchange()
    }
}

extension RequestFacts {
    /// What the head of the request says.
    fileprivate mutating func note(
        _ request: RequestHead, _ bytes: UnsafeRawBufferPointer, _ trace: TraceParent?, _ identifier: RequestIdentifier
    ) {
        method = request.method
        setPath(request.target.slice(of: bytes))
        traceHigh = trace?.traceHigh ?? 0
        traceLow = trace?.traceLow ?? 0
        self.identifier = identifier
    }
}
