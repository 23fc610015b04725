internal import MeshBalancing
internal import MeshSnapshot
internal import MeshTypes

/// Which endpoint takes a connection or a request, and what is learnt from how that went.
extension Worker {
    func load(of service: ServiceID) -> ServiceLoad {
        if let load = loads[service] { return load }
        let load = shared.loads[service]
        loads[service] = load
        return load
    }

    func chooseEndpoint(_ wish: EndpointWish, of service: SnapshotService, in snapshot: Snapshot) -> EndpointChoice {
        let (choice, event) = load(of: service.id).choose(wish, service, snapshot, now: now, using: &random)
        if let event { shared.breakerReport(service.id, event) }
        return choice
    }

    func judge(_ ticket: inout EndpointTicket, of service: ServiceID, _ outcome: AttemptOutcome, latency: UInt64? = nil) {
        guard !ticket.isNone, !ticket.isJudged else { return }
        for event in load(of: service).judge(&ticket, outcome, latency: latency, now: now) { shared.breakerReport(service, event) }
    }

    /// The endpoint has one fewer to serve. An attempt that nobody judged says nothing of it.
    func release(_ ticket: inout EndpointTicket, of service: ServiceID) {
        guard !ticket.isNone else { return }
        judge(&ticket, of: service, .abandoned)
        load(of: service).release(ticket)
        ticket = .none
    }
}

extension AttemptOutcome {
    /// What it says of an endpoint that nothing came of an attempt for this reason.
    init(_ reason: DenialReason, mayHaveArrived: Bool) {
        switch reason {
        case .endpointRefused, .wrongListener, .endpointTimeout, .tunnelFailed, .peerUnverified, .peerIdentity, .notAnEndpoint, .draining:
            self = mayHaveArrived ? .failed : .unreachable
        case .endpointClosed, .badResponse, .deadlineExceeded: self = .failed
        default: self = .abandoned
        }
    }
}
