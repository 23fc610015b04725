internal import MeshResilience
internal import MeshRuntime
internal import MeshTypes

/// Requests and connections on which nothing moves, and connections that may not last for ever.
extension Worker {
    /// Begins to watch a request that is on its way.
    func watchIdleness(_ handle: SlabHandle, _ caller: UnsafeMutablePointer<Caller>) {
        guard caller.pointee.exchange.rules.requestIdle > 0 else { return }
        caller.pointee.exchange.idle = IdleWatch(
            limit: caller.pointee.exchange.rules.requestIdle, count: caller.pointee.moved, now: now)
        schedule(handle, caller, at: caller.pointee.exchange.due)
    }

    /// - Returns: true when nothing has moved for too long, and the request has been ended.
    func endsIdle(_ handle: SlabHandle, _ caller: UnsafeMutablePointer<Caller>) -> Bool {
        guard caller.pointee.exchange.stage == .sent || caller.pointee.exchange.stage == .answering,
            now >= caller.pointee.exchange.idle.due,
            caller.pointee.exchange.idle.look(caller.pointee.moved, now: now)
        else { return false }
        // An endpoint that has the whole request is what kept silent, unless its answer waits for the caller.
        if caller.pointee.hasSent, caller.pointee.end.pending.isEmpty {
            judge(&caller.pointee.exchange.ticket, of: caller.pointee.origin.destination, .failed)
        }
        endLate(handle, caller, .idleTimeout)
        return true
    }

    /// The time of a request is over: an answer that says so, or a reset if one has begun.
    func endLate(_ handle: SlabHandle, _ caller: UnsafeMutablePointer<Caller>, _ reason: DenialReason) {
        dropUpstream(caller)
        guard caller.pointee.exchange.stage == .answering else { return answer(handle, caller, reason) }
        endExchange(caller, .reset, reason)
        breakOff(handle, caller)
    }

    // MARK: Connections that changed their protocol

    func watchTime(_ handle: SlabHandle, _ flow: UnsafeMutablePointer<Flow>, _ rules: ExchangeRules) {
        flow.pointee.idle = IdleWatch(limit: rules.idle, count: flow.pointee.moved, now: now)
        flow.pointee.until = rules.stream == 0 ? .max : now + rules.stream
        scheduleTime(handle, flow)
    }

    /// At most one entry for each flow: it is made anew when it has fallen due.
    private func scheduleTime(_ handle: SlabHandle, _ flow: UnsafeMutablePointer<Flow>) {
        let due = min(flow.pointee.idle.due, flow.pointee.until)
        if due != .max { flowTimers.schedule(handle, at: due) }
    }

    func flowTimer(_ handle: SlabHandle) {
        guard let flow = flows.find(handle), flow.pointee.stage == .relaying else { return }
        if now >= flow.pointee.until { return cut(handle, flow, .deadlineExceeded) }
        if now >= flow.pointee.idle.due, flow.pointee.idle.look(flow.pointee.moved, now: now) { return cut(handle, flow, .idleTimeout) }
        scheduleTime(handle, flow)
    }

    /// Ends a flow of bytes by a reset at both ends.
    func cut(_ handle: SlabHandle, _ flow: UnsafeMutablePointer<Flow>, _ reason: DenialReason) {
        // First, as what waits counts against the tunnel's window.
        leaveTunnel(flow)
        flow.pointee.near.abort()
        flow.pointee.far.abort()
        finish(handle, flow, .reset, reason)
    }
}

extension Caller {
    /// The whole request has gone to the endpoint.
    fileprivate var hasSent: Bool { isStream ? requestEnded && input.isEmpty : exchange.body.hasEnded }

    /// Changes with every byte that is read from either side or taken by the caller.
    fileprivate var moved: UInt64 { exchange.record.sent &+ exchange.record.received &- UInt64(end.pending.count) }
}

extension Flow {
    fileprivate var moved: UInt64 {
        record.sent &+ record.received &- UInt64(near.pending.count) &- UInt64(far.pending.count)
    }
}
