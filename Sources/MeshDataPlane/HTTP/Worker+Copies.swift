internal import MeshBalancing
internal import MeshPolicy
internal import MeshProtocols
internal import MeshRuntime
internal import MeshSnapshot
internal import MeshTypes

/// Copies of requests (`mirror`, R4.4): made once a request has gone whole to an endpoint, and sent when all that callers wait for has been done.
///
/// A copy is a `Caller` that nobody listens to, on connections that only copies use: whatever becomes of it ends with it.
extension Worker {
    /// Bytes of an answer that are read so that its connection can be used again; one that is longer is broken off.
    static let copyAnswerLimit: UInt64 = 256 << 10

    /// Whether the request will be copied, and where to.
    func plan(_ mirror: Mirror, of service: SnapshotService, route: Int) -> MirrorPlan {
        guard mirror.strikes(using: &random) else { return .none }
        let target = mirror.service.map { name in
            snapshot?.identifier(ServiceIdentity(namespace: service.identity.namespace, name: name)) ?? .none
        }
        let place = MirrorPlaces.Key(service: service.id, route: Int16(clamping: route))
        return MirrorPlan(mirror, target: target ?? service.id, place: place)
    }

    /// The request has gone to an endpoint, with its whole body.
    func copyIfDrawn(_ caller: UnsafeMutablePointer<Caller>) {
        guard caller.pointee.exchange.rules.mirror.isDrawn else { return }
        caller.pointee.exchange.rules.mirror.isDrawn = false
        guard !isDraining else { return }
        guard caller.pointee.exchange.isReplayable else { return tell(caller, .bodyTooLarge) }
        if let reason = copy(caller) { tell(caller, MirrorResult(reason), reason) }
    }

    /// There will be no copy of a request that was to have one: it is being answered, or has ended, before it was whole.
    func forgoCopy(_ caller: UnsafeMutablePointer<Caller>) {
        guard caller.pointee.exchange.rules.mirror.isDrawn else { return }
        caller.pointee.exchange.rules.mirror.isDrawn = false
        tell(caller, caller.pointee.exchange.isReplayable ? .incomplete : .bodyTooLarge)
    }

    /// Makes the copy, to be sent at the end of the batch. - Returns: why it may not be sent; nil also when there was no room for it.
    private func copy(_ caller: UnsafeMutablePointer<Caller>) -> DenialReason? {
        let plan = caller.pointee.exchange.rules.mirror
        let source = caller.pointee.origin.source
        guard let snapshot, let target = snapshot.service(plan.target) else { return .noEndpoint }
        let decision = self.decision(from: source, to: target.id, in: snapshot)
        guard decision.permitted else { return decision.reason }
        let head = caller.pointee.exchange.head.readable
        guard case .success(let request) = RequestHead.parse(head, .mesh, into: &fields) else { return .badRequest }
        if let operations = decision.operations {
            // The path names the service that was asked: it must be permitted of either name.
            for service in [target, snapshot.service(plan.place.service)].compactMap(\.self) {
                let reason = operations.verdict(on: request.target.slice(of: head), of: service.identity.name)
                guard reason == .none else { return reason }
            }
        }
        guard shared.mirrorPlaces.take(plan.place, limit: plan.concurrency) else {
            tell(caller, .overLimit)
            return nil
        }
        var copy = Caller(copyOf: caller.pointee, to: target.id)
        copy.exchange = self.exchange(copying: caller, request, target)
        guard !writer.overflowed, let (handle, pointer) = callers.insert(copy) else {
            copy.free()
            shared.mirrorPlaces.leave(plan.place)
            tell(caller, .overLimit)
            return nil
        }
        schedule(handle, pointer, at: pointer.pointee.exchange.deadline)
        copies.append(handle)
        return nil
    }

    /// - Parameter request: the head as the endpoint got it, parsed last.
    private func exchange(copying caller: UnsafeMutablePointer<Caller>, _ request: RequestHead, _ target: SnapshotService) -> Exchange {
        let original = caller.pointee.exchange
        let head = original.head.readable
        let additions = HeadRewriting.RequestAdditions(
            traceparent: TraceParent(request.traceparent.slice(of: head))?.continued(by: random.next() | 1),
            requestID: original.record.request.identifier, passesUpgrade: false, timeLeft: original.rules.mirror.timeout, isShadow: true,
            identity: identity(of: caller.pointee.origin.source, at: target.id))
        HeadRewriting.request(request, fields, head, additions, MessageChanges(), to: &writer)
        var exchange = Exchange()
        exchange.method = original.method
        exchange.isOldVersion = original.isOldVersion
        exchange.isGRPC = original.isGRPC
        exchange.head.append(writer.bytes)
        exchange.replay.append(original.replay.readable)
        exchange.started = now
        exchange.deadline = now + original.rules.mirror.timeout
        exchange.rules.mirror = original.rules.mirror
        exchange.rules.version = original.rules.mirror.version
        if target.traffic.balance.method == .hash {
            exchange.rules.affinity = affinity(target.traffic.affinity, head, caller.pointee.origin)
        }
        exchange.record = self.record(ofCopyOf: caller)
        exchange.record.sent = UInt64(writer.count + original.replay.count)
        return exchange
    }

    private func record(ofCopyOf caller: UnsafeMutablePointer<Caller>) -> FlowRecord {
        var record = newRecord(caller.pointee.origin)
        record.destination = caller.pointee.exchange.rules.mirror.target
        record.request = caller.pointee.exchange.record.request
        record.request.status = 0
        record.request.grpcStatus = RequestFacts.noGRPCStatus
        record.request.attempts = 0
        return record
    }

    /// Tells of a copy that was not sent.
    private func tell(_ caller: UnsafeMutablePointer<Caller>, _ result: MirrorResult, _ reason: DenialReason = .none) {
        var record = self.record(ofCopyOf: caller)
        record.ending = .refused
        record.reason = reason
        record.request.mirror = result
        ring.push(record)
    }

    func sendCopies() {
        let batch = copies
        copies.removeAll(keepingCapacity: true)
        for handle in batch {
            if let copy = callers.find(handle) { attemptRequest(handle, copy) }
        }
    }

    // MARK: Answers

    /// Bytes of an answer came, and are forgotten. - Returns: false when there were too many, and the copy has ended.
    func ignore(_ handle: SlabHandle, _ copy: UnsafeMutablePointer<Caller>) -> Bool {
        guard copy.pointee.exchange.record.received > Self.copyAnswerLimit else { return true }
        dropUpstream(copy)
        endExchange(copy, .closed, .none)
        removeCaller(handle, copy)
        return false
    }

    /// The same on a stream, whose credit goes back at once.
    func ignore(_ handle: SlabHandle, _ copy: UnsafeMutablePointer<Caller>, _ session: EndpointSession, _ count: Int) {
        session.http2?.consumedConnection(count)
        session.http2?.consumed(StreamID(rawValue: copy.pointee.exchange.stream), count)
        markDirty(session)
        copy.pointee.exchange.record.received += UInt64(count)
        _ = ignore(handle, copy)
    }

    /// The copy was answered, or will not be.
    func endCopy(_ copy: UnsafeMutablePointer<Caller>, _ ending: FlowRecord.Ending, _ reason: DenialReason) {
        shared.mirrorPlaces.leave(copy.pointee.exchange.rules.mirror.place)
        release(&copy.pointee.exchange.ticket, of: copy.pointee.origin.destination)
        copy.pointee.exchange.record.duration = now &- copy.pointee.exchange.started
        copy.pointee.exchange.record.ending = ending
        copy.pointee.exchange.record.reason = reason
        copy.pointee.exchange.record.request.attempts = copy.pointee.exchange.attempts
        copy.pointee.exchange.record.request.mirror = MirrorResult(reason)
        ring.push(copy.pointee.exchange.record)
        copy.pointee.exchange.free()
        copy.pointee.exchange = Exchange()
    }
}
