internal import MeshProtocols
internal import MeshRuntime
internal import MeshSnapshot
internal import MeshTypes

/// The callee's node: a stream of a verified peer becomes a connection to an endpoint of the very service that the peer named by TLS.
extension Worker {
    /// - Returns: the stream's token, 0 when it was refused.
    func beginIncoming(_ tunnel: Tunnel, _ stream: StreamID, _ request: ConnectRequest) -> UInt64 {
        var flow = Flow(.incoming, started: now)
        flow.attemptStarted = now
        flow.tunnel = tunnel.handle
        flow.stream = stream.rawValue
        flow.record.reporter = .destination
        flow.record.path = .tunnel
        flow.record.start = MonotonicClock.wall()
        flow.record.source = tunnel.peer
        flow.record.destination = tunnel.local
        flow.record.identityVerified = true
        flow.record.destinationAddress = request.authority
        flow.record.endpoint = request.authority
        if let source = request.forwardedFor { flow.record.sourceAddress = source }
        let (permit, delivery, reason) = admit(tunnel, request.authority)
        guard let permit, let delivery else {
            refuse(tunnel, stream, &flow.record, reason)
            return 0
        }
        guard let (handle, pointer) = flows.insert(flow) else {
            refuse(tunnel, stream, &flow.record, .overloaded)
            return 0
        }
        if let snapshot, looksIntoRequests(from: tunnel.peer, to: tunnel.local, in: snapshot) {
            guard let gate = makeGate(verified: snapshot.certificate(of: tunnel.peer, at: tunnel.local)) else {
                flows.remove(handle)
                refuse(tunnel, stream, &flow.record, .overloaded)
                return 0
            }
            pointer.pointee.gate = gate
        }
        tunnel.streams += 1
        deliverStream(handle, pointer, permit, delivery)
        return flows.find(handle) == nil ? 0 : handle.rawValue
    }

    private func admit(
        _ tunnel: Tunnel, _ authority: SocketAddress
    ) -> (permit: Permit?, delivery: Snapshot.Delivery?, reason: DenialReason) {
        guard let snapshot else { return (nil, nil, .draining) }
        guard tunnel.peer != .none else { return (nil, nil, .peerIdentity) }
        guard !tunnel.validity.isOver(wallMilliseconds) else { return (nil, nil, .certificateExpired) }
        guard tunnel.local != .none, let delivery = snapshot.delivery(authority), delivery.service == tunnel.local else {
            return (nil, nil, .notAnEndpoint)
        }
        switch authorise(from: tunnel.peer, to: tunnel.local, in: snapshot) {
        case .refused(let reason): return (nil, nil, reason)
        case .permitted(let permit):
            return spares(authority, tunnel, snapshot) ? (nil, nil, .endpointNotReady) : (permit, delivery, .none)
        }
    }

    private func refuse(_ tunnel: Tunnel, _ stream: StreamID, _ record: inout FlowRecord, _ reason: DenialReason) {
        tunnel.session?.refuse(stream, status: reason.tunnelStatus, reason: reason)
        record.ending = .refused
        record.reason = reason
        ring.push(record)
        markDirty(tunnel)
    }

    /// The callee did not answer: 503, and the flow is over.
    func refuseStream(_ handle: SlabHandle, _ flow: UnsafeMutablePointer<Flow>, _ reason: DenialReason) {
        if let tunnel = tunnels.find(flow.pointee.tunnel)?.pointee {
            tunnel.session?.refuse(StreamID(rawValue: flow.pointee.stream), status: reason.tunnelStatus, reason: reason)
            flow.pointee.streamEnded = true
            markDirty(tunnel)
        }
        finish(handle, flow, .refused, reason)
    }

    /// Ends a stream that the rules do not permit, or no longer. The caller's node learns that it was not the endpoint that failed.
    func withdraw(
        _ handle: SlabHandle, _ flow: UnsafeMutablePointer<Flow>, _ ending: FlowRecord.Ending, _ reason: DenialReason
    ) {
        removeGate(flow)
        if flow.pointee.stream != 0, let tunnel = tunnels.find(flow.pointee.tunnel)?.pointee {
            tunnel.session?.reset(StreamID(rawValue: flow.pointee.stream), .permitWithdrawn)
            flow.pointee.streamEnded = true
            markDirty(tunnel)
        }
        // First, as what waits counts against the tunnel's window.
        leaveTunnel(flow)
        flow.pointee.near.abort()
        finish(handle, flow, ending, reason)
    }

    /// The callee accepted: 200, and bytes flow.
    func acceptStream(_ handle: SlabHandle, _ flow: UnsafeMutablePointer<Flow>) {
        guard let tunnel = tunnels.find(flow.pointee.tunnel)?.pointee, let session = tunnel.session else { return }
        flow.pointee.stage = .relaying
        flow.pointee.near.isReadable = true
        session.accept(StreamID(rawValue: flow.pointee.stream))
        streamSocketReady(handle, flow)
    }

    func recordRejected(_ tunnel: Tunnel, _ reason: DenialReason) {
        var record = FlowRecord()
        record.reporter = .destination
        record.start = MonotonicClock.wall()
        record.source = tunnel.peer
        record.destination = tunnel.local
        record.identityVerified = true
        record.ending = .refused
        record.reason = reason
        ring.push(record)
    }
}
