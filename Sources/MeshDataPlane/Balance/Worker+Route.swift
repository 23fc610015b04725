internal import MeshBalancing
internal import MeshRuntime
internal import MeshSnapshot
internal import MeshTypes

/// From a captured flow to an endpoint: what was dialled, may it be, and where to.
extension Worker {
    func route(_ handle: SlabHandle, _ flow: UnsafeMutablePointer<Flow>) {
        guard let snapshot else { return give(up: handle, flow, .draining) }
        guard let destination = snapshot.destination(flow.pointee.record.destinationAddress) else {
            return give(up: handle, flow, .egress)
        }
        flow.pointee.record.destination = destination.service
        flow.pointee.named = destination.endpoint.flatMap { snapshot.service(destination.service)?.endpoints[$0].address }
        switch authorise(from: flow.pointee.record.source, to: destination.service, in: snapshot) {
        case .refused(let reason): give(up: handle, flow, reason)
        case .permitted(let permit):
            let protocolName = snapshot.service(destination.service)?.applicationProtocol ?? .tcp
            if protocolName.mayBeHTTP {
                beginCaller(handle, flow, isDeclared: protocolName.isHTTP)
            } else {
                attempt(handle, flow, permit, snapshot)
            }
        }
    }

    /// Tries the next endpoint.
    func attempt(
        _ handle: SlabHandle, _ flow: UnsafeMutablePointer<Flow>, _ permit: Permit, _ snapshot: Snapshot
    ) {
        guard let service = snapshot.service(permit.destination) else { return give(up: handle, flow, .noEndpoint) }
        var wish = EndpointWish()
        wish.tried = flow.pointee.tried
        wish.address = flow.pointee.named
        let endpoint: Endpoint
        switch chooseEndpoint(wish, of: service, in: snapshot) {
        case .noEndpoint:
            // None is left but those whose tunnel was about to end: another tunnel leads there, or waits for the next daemon.
            if flow.pointee.record.reason == .draining, !flow.pointee.tried.isEmpty {
                flow.pointee.tried = TriedEndpoints()
                return attempt(handle, flow, permit, snapshot)
            }
            return give(up: handle, flow, flow.pointee.attempts == 0 ? .noEndpoint : flow.pointee.record.reason)
        case .circuitOpen: return give(up: handle, flow, .circuitOpen)
        case .chosen(let chosen, let ticket):
            endpoint = chosen
            flow.pointee.ticket = ticket
            flow.pointee.tried.insert(ticket)
        }
        flow.pointee.attempts += 1
        flow.pointee.attemptStarted = now
        flow.pointee.record.endpoint = endpoint.address
        flow.pointee.stage = .connecting
        connectDeadlines.schedule(handle, now: now)
        if let delivery = snapshot.delivery(endpoint.address) {
            flow.pointee.kind = .local
            flow.pointee.record.path = .local
            deliverLocally(handle, flow, permit, delivery)
        } else {
            flow.pointee.kind = .outgoing
            flow.pointee.record.path = .tunnel
            openStream(handle, flow, permit, endpoint, service, snapshot)
        }
    }

    /// The attempt failed before a byte was relayed: another endpoint, or the end.
    func attemptFailed(_ handle: SlabHandle, _ flow: UnsafeMutablePointer<Flow>, _ reason: DenialReason) {
        if flow.pointee.upstream != .none { return upstreamLost(handle, flow, reason) }
        flow.pointee.record.reason = reason
        judge(&flow.pointee.ticket, of: flow.pointee.record.destination, AttemptOutcome(reason, mayHaveArrived: false))
        release(&flow.pointee.ticket, of: flow.pointee.record.destination)
        flow.pointee.far.close()
        leaveTunnel(flow)
        guard Int(flow.pointee.attempts) < shared.options.maximumAttempts, flow.pointee.named == nil, let snapshot,
            case .permitted(let permit) = authorise(from: flow.pointee.record.source, to: flow.pointee.record.destination, in: snapshot)
        else { return give(up: handle, flow, reason) }
        attempt(handle, flow, permit, snapshot)
    }

    /// The flow is refused: its caller gets a reset.
    func give(up handle: SlabHandle, _ flow: UnsafeMutablePointer<Flow>, _ reason: DenialReason) {
        if flow.pointee.upstream != .none { return upstreamLost(handle, flow, reason) }
        flow.pointee.near.abort()
        finish(handle, flow, .refused, reason)
    }

    /// Records the flow and frees its slot. Its sockets must be closed or are closed now.
    func finish(
        _ handle: SlabHandle, _ flow: UnsafeMutablePointer<Flow>, _ ending: FlowRecord.Ending, _ reason: DenialReason
    ) {
        release(&flow.pointee.ticket, of: flow.pointee.record.destination)
        removeGate(flow)
        leaveTunnel(flow)
        flow.pointee.near.close()
        flow.pointee.far.close()
        flow.pointee.outbound.free()
        flow.pointee.record.duration = now &- flow.pointee.started
        flow.pointee.record.ending = ending
        flow.pointee.record.reason = ending == .closed ? .none : reason
        ring.push(flow.pointee.record)
        counters.flows += 1
        flows.remove(handle)
    }

    func connectTimedOut(_ handle: SlabHandle) {
        guard let flow = flows.find(handle) else { return }
        if flow.pointee.ends, now &- flow.pointee.attemptStarted >= connectDeadlines.delay { return forget(handle, flow) }
        guard flow.pointee.stage == .connecting else { return }
        // An entry of an earlier attempt: this attempt's own follows.
        guard now &- flow.pointee.attemptStarted >= connectDeadlines.delay else { return }
        attemptFailed(handle, flow, .endpointTimeout)
    }

    /// A stream's callee does not accept.
    func deliveryTimedOut(_ handle: SlabHandle) {
        guard let flow = flows.find(handle), flow.pointee.stage == .connecting else { return }
        refuseStream(handle, flow, .endpointTimeout)
    }
}
