internal import MeshPolicy
internal import MeshProtocols
internal import MeshRuntime
internal import MeshSnapshot
internal import MeshTypes

/// A permit is valid for the rules that gave it: when they change, what the worker carries is judged again, and what is no longer permitted ends with
/// its reason. What still is permitted is not touched.
extension Worker {
    /// Nanoseconds for which what was begun may go on after the registry took its endpoint away: an instance that leaves finishes its work. When the
    /// address is another service's by then, there is none.
    static let departure: UInt64 = 30_000_000_000

    func beginReview() {
        review.callers.begin(callers.extent)
        review.flows.begin(flows.extent)
        review.tunnels.begin(tunnels.extent)
        review.repeatAt = 0
    }

    /// One portion. Requests come first, so that their callers get an answer before anything beneath them ends.
    func continueReview() {
        if review.repeatAt != 0, now >= review.repeatAt { beginReview() }
        guard review.isDue, let snapshot else { return }
        if let positions = review.callers.next(callers.extent) {
            reviewCallers(positions, snapshot)
        } else if let positions = review.flows.next(flows.extent) {
            reviewFlows(positions, snapshot)
        } else if let positions = review.tunnels.next(tunnels.extent, portion: Self.tunnelsPerTurn) {
            reviewTunnels(positions, snapshot)
        }
    }

    // MARK: Requests

    private func reviewCallers(_ positions: Range<Int>, _ snapshot: Snapshot) {
        var withdrawn: [(SlabHandle, DenialReason)] = []
        callers.forEach(in: positions) { handle, caller in
            guard caller.pointee.stage == .exchange else { return }
            let reason = refusal(of: caller, snapshot)
            if reason != .none { withdrawn.append((handle, reason)) }
        }
        for (handle, reason) in withdrawn {
            guard let caller = callers.find(handle), caller.pointee.stage == .exchange else { continue }
            endLate(handle, caller, reason)
        }
    }

    private func refusal(of caller: UnsafeMutablePointer<Caller>, _ snapshot: Snapshot) -> DenialReason {
        let origin = caller.pointee.origin
        let decision = decision(from: origin.source, to: origin.destination, in: snapshot)
        guard decision.permitted else { return decision.reason }
        guard let operations = decision.operations, let service = snapshot.service(origin.destination) else { return .none }
        // What the service was asked for. One without a head is being answered by the mesh itself.
        let head = caller.pointee.exchange.head.readable
        guard case .success(let request) = RequestHead.parse(head, .mesh, into: &fields) else { return .none }
        return operations.verdict(on: request.target.slice(of: head), of: service.identity.name)
    }

    // MARK: Flows

    private func reviewFlows(_ positions: Range<Int>, _ snapshot: Snapshot) {
        var withdrawn: [(SlabHandle, DenialReason)] = []
        flows.forEach(in: positions) { handle, flow in
            guard flow.pointee.stage != .resetting, !flow.pointee.ends else { return }
            let reason = refusal(of: flow, snapshot)
            if reason != .none { withdrawn.append((handle, reason)) }
        }
        for (handle, reason) in withdrawn {
            guard let flow = flows.find(handle), flow.pointee.stage != .resetting, !flow.pointee.ends else { continue }
            end(handle, flow, reason)
        }
    }

    private func refusal(of flow: UnsafeMutablePointer<Flow>, _ snapshot: Snapshot) -> DenialReason {
        let destination = flow.pointee.record.destination
        let decision = decision(from: flow.pointee.record.source, to: destination, in: snapshot)
        guard decision.permitted else { return decision.reason }
        if !isLookedInto(flow), looksIntoRequests(from: flow.pointee.record.source, to: destination, in: snapshot) {
            guard let operations = decision.operations else { return .permitWithdrawn }
            return operations.allowed == nil ? .denied : .notAllowed
        }
        guard flow.pointee.kind != .outgoing else { return .none }
        return absence(of: flow, destination, snapshot)
    }

    /// Its requests are judged one by one, so that rules on some of them need no end of it.
    private func isLookedInto(_ flow: UnsafeMutablePointer<Flow>) -> Bool {
        if flow.pointee.kind == .incoming { return flow.pointee.gate != .none }
        // The caller's requests are judged before they come here; but the callee's node must look into the stream as well.
        return flow.pointee.upstream != .none && (flow.pointee.isRestricted || flow.pointee.kind == .local)
    }

    /// `notAnEndpoint` when the callee is no endpoint of the service on this node, and has had its time.
    private func absence(of flow: UnsafeMutablePointer<Flow>, _ destination: ServiceID, _ snapshot: Snapshot) -> DenialReason {
        if let delivery = snapshot.delivery(flow.pointee.record.endpoint) {
            flow.pointee.orphanedSince = 0
            return delivery.service == destination ? .none : .notAnEndpoint
        }
        return hasDeparted(&flow.pointee.orphanedSince) ? .notAnEndpoint : .none
    }

    /// - Parameter since: when its endpoint was first missed; 0 for not yet.
    func hasDeparted(_ since: inout UInt64) -> Bool {
        if since == 0 { since = now }
        let due = since + Self.departure
        guard now < due else { return true }
        review.repeatAt = review.repeatAt == 0 ? due : min(review.repeatAt, due)
        return false
    }

    private func end(_ handle: SlabHandle, _ flow: UnsafeMutablePointer<Flow>, _ reason: DenialReason) {
        if flow.pointee.upstream != .none { return outdate(handle, flow) }
        switch (flow.pointee.kind, flow.pointee.stage) {
        case (.incoming, .connecting):
            flow.pointee.near.abort()
            refuseStream(handle, flow, reason)
        case (.incoming, _): withdraw(handle, flow, .reset, reason)
        case (_, .connecting):
            flow.pointee.far.abort()
            give(up: handle, flow, reason)
        default: cut(handle, flow, reason)
        }
    }

    /// A connection that requests are sent on takes no more of them; one that nobody uses now is closed.
    private func outdate(_ handle: SlabHandle, _ flow: UnsafeMutablePointer<Flow>) {
        flow.pointee.isOutdated = true
        if let session = session(of: flow) {
            if session.isUsed { retire(session) } else { lose(session, .draining) }
        } else if upstreams.find(flow.pointee.upstream)?.pointee.caller == SlabHandle.none {
            endUnused(handle, flow)
        }
    }
}
