internal import Glibc
internal import MeshProtocols
internal import MeshRuntime
internal import MeshSnapshot
internal import MeshSystem
internal import MeshTypes

/// Connections to endpoints that requests are sent on: opened, used one request after the other, kept for the next.
extension Worker {
    /// Nanoseconds that an idle connection is kept: less than the 5 s after which Node's HTTP server closes one.
    static let upstreamIdle = Duration.seconds(4)
    /// Bytes of a request that may wait for a tunnel.
    private static let outboundLimit = 256 << 10

    /// A pooled connection, now the caller's; nil if there is none.
    ///
    /// - Parameter isCareful: the request must not be repeated, so the connection is asked whether its far end has closed it.
    func idleUpstream(_ key: UpstreamKey, _ caller: SlabHandle, isCareful: Bool) -> SlabHandle? {
        while let handle = idleUpstreams.take(key) {
            guard let flow = flows.find(handle), let upstream = upstreams.find(flow.pointee.upstream) else { continue }
            if isGoingAway(flow) {
                upstream.pointee.caller = .none
                closeUpstream(handle, flow)
                continue
            }
            if isCareful, flow.pointee.kind == .local, !isQuiet(flow.pointee.far.socket) {
                upstream.pointee.caller = .none
                closeUpstream(handle, flow)
                continue
            }
            upstream.pointee.caller = caller
            upstream.pointee.isReused = true
            return handle
        }
        return nil
    }

    /// The node at the other end of its tunnel is about to end, or to close the tunnel; or the rules that it was opened under are gone.
    func isGoingAway(_ flow: UnsafeMutablePointer<Flow>) -> Bool {
        if flow.pointee.isOutdated { return true }
        return flow.pointee.kind == .outgoing && tunnels.find(flow.pointee.tunnel)?.pointee.isDraining == true
    }

    func isQuiet(_ socket: Int32) -> Bool {
        var byte: UInt8 = 0
        return recv(socket, &byte, 1, Int32(MSG_PEEK | MSG_DONTWAIT)) < 0 && errno == EAGAIN
    }

    func openUpstream(
        _ handle: SlabHandle, _ caller: UnsafeMutablePointer<Caller>, _ key: UpstreamKey, _ permit: Permit, _ endpoint: Endpoint,
        _ service: SnapshotService, _ snapshot: Snapshot
    ) {
        let delivery = snapshot.delivery(endpoint.address)
        guard let (flow, pointer) = openFlow(caller, key: key, carriesLocally: delivery != nil) else {
            return attemptEnded(handle, caller, .overloaded)
        }
        upstreams.find(pointer.pointee.upstream)?.pointee.caller = handle
        caller.pointee.exchange.upstream = flow
        connectFlow(flow, pointer, permit, endpoint, delivery, service, snapshot)
    }

    /// A flow for requests, not connected yet; nil at the bound.
    func openFlow(
        _ caller: UnsafeMutablePointer<Caller>, key: UpstreamKey, carriesLocally: Bool
    ) -> (SlabHandle, UnsafeMutablePointer<Flow>)? {
        var flow = Flow(carriesLocally ? .local : .outgoing, started: now)
        flow.record = caller.pointee.exchange.record
        flow.isRestricted = isRestricted(from: flow.record.source, to: flow.record.destination)
        // The caller's own port is for its own requests: it can be bound once towards one endpoint.
        if key.isShadow { flow.record.sourceAddress = SocketAddress(ip: key.sourceIP, port: 0) }
        flow.attemptStarted = now
        guard let (slot, upstream) = upstreams.insert(Upstream(key: key, flow: .none, caller: .none)) else { return nil }
        flow.upstream = slot
        guard let (handle, pointer) = flows.insert(flow) else {
            upstreams.remove(slot)
            return nil
        }
        upstream.pointee.flow = handle
        return (handle, pointer)
    }

    /// - Parameter delivery: of an endpoint of this node.
    func connectFlow(
        _ handle: SlabHandle, _ flow: UnsafeMutablePointer<Flow>, _ permit: Permit, _ endpoint: Endpoint, _ delivery: Snapshot.Delivery?,
        _ service: SnapshotService, _ snapshot: Snapshot
    ) {
        connectDeadlines.schedule(handle, now: now)
        if let delivery {
            deliverLocally(handle, flow, permit, delivery)
        } else {
            openStream(handle, flow, permit, endpoint, service, snapshot)
        }
    }

    func upstreamConnected(_ handle: SlabHandle, _ flow: UnsafeMutablePointer<Flow>) {
        flow.pointee.stage = .relaying
        if let session = session(of: flow) { return sessionConnected(session) }
        guard let upstream = upstreams.find(flow.pointee.upstream), let caller = callers.find(upstream.pointee.caller) else {
            return closeUpstream(handle, flow)
        }
        let callerHandle = upstream.pointee.caller
        sendRequest(callerHandle, caller)
        pumpCaller(callerHandle)
    }

    // MARK: Bytes to the endpoint

    func takesMore(_ flow: UnsafeMutablePointer<Flow>) -> Bool {
        flow.pointee.kind == .local ? flow.pointee.far.pending.isEmpty : flow.pointee.outbound.count < Self.outboundLimit
    }

    /// - Returns: false on a broken connection.
    func write(_ bytes: UnsafeRawBufferPointer, to flow: UnsafeMutablePointer<Flow>, more: Bool = false) -> Bool {
        if flow.pointee.kind == .local { return flow.pointee.far.write(bytes, more: more) != .failed }
        guard let tunnel = tunnels.find(flow.pointee.tunnel)?.pointee, let session = tunnel.session else { return false }
        flow.pointee.outbound.append(bytes)
        session.readyToSend(StreamID(rawValue: flow.pointee.stream))
        markDirty(tunnel)
        return true
    }

    /// Fills a DATA frame from what waits for the tunnel.
    func pullOutbound(_ flow: UnsafeMutablePointer<Flow>, into buffer: UnsafeMutableRawBufferPointer) -> PullResult {
        let count = min(buffer.count, flow.pointee.outbound.count)
        guard count > 0 else { return .later }
        buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: flow.pointee.outbound.readable[..<count]))
        flow.pointee.outbound.consume(count)
        if let session = session(of: flow) {
            if takesMore(flow) { markDirty(session) }
        } else if let upstream = upstreams.find(flow.pointee.upstream), let caller = callers.find(upstream.pointee.caller),
            !caller.pointee.exchange.body.hasEnded
        {
            resume(upstream.pointee.caller, caller)
        }
        return .bytes(count)
    }

    // MARK: Bytes from the endpoint

    /// An event of a connection to an endpoint of this node.
    func upstreamReady(_ handle: SlabHandle, _ flow: UnsafeMutablePointer<Flow>, _ ready: Poller.Interest) {
        if flow.pointee.stage == .connecting {
            guard ready.endsConnecting else { return }
            let reason = connectSucceeded(flow.pointee.far.socket)
            return reason == .none ? upstreamConnected(handle, flow) : upstreamLost(handle, flow, reason)
        }
        if !flow.pointee.far.pending.isEmpty {
            guard flow.pointee.far.flush() != nil else { return upstreamLost(handle, flow, .endpointClosed) }
            if flow.pointee.far.pending.isEmpty, let session = session(of: flow) {
                markDirty(session)
            } else if flow.pointee.far.pending.isEmpty, let upstream = upstreams.find(flow.pointee.upstream) {
                pumpCaller(upstream.pointee.caller)
            }
        }
        readUpstream(handle)
    }

    /// Reads answers from an endpoint of this node as long as the caller takes them.
    func readUpstream(_ handle: SlabHandle) {
        while let flow = flows.find(handle), flow.pointee.kind == .local, flow.pointee.upstream != .none, flow.pointee.far.isReadable,
            let upstream = upstreams.find(flow.pointee.upstream)
        {
            if let caller = callers.find(upstream.pointee.caller), !caller.pointee.end.pending.isEmpty { return }
            let count = recv(flow.pointee.far.socket, scratch.baseAddress, scratch.count, 0)
            if count > 0 {
                if count < scratch.count { flow.pointee.far.noteShortRead() }
                let bytes = UnsafeRawBufferPointer(rebasing: scratch[..<count])
                if let session = session(of: flow) { take(session, bytes) } else { takeAnswer(handle, flow, bytes) }
            } else if count == 0 {
                return upstreamEnded(handle, flow)
            } else if errno == EAGAIN {
                flow.pointee.far.isReadable = false
            } else if errno != EINTR {
                return upstreamLost(handle, flow, .endpointClosed)
            }
        }
    }

    /// Bytes of an answer out of a tunnel: credit for what the caller took at once, the rest when it is written.
    func takeStreamAnswer(_ handle: SlabHandle, _ flow: UnsafeMutablePointer<Flow>, _ tunnel: Tunnel, _ bytes: UnsafeRawBufferPointer) {
        if let session = session(of: flow) {
            // Its streams have windows of their own: those bound what waits.
            take(session, bytes)
            tunnel.session?.consumedConnection(bytes.count)
            if let flow = flows.find(handle) { tunnel.session?.consumed(StreamID(rawValue: flow.pointee.stream), bytes.count) }
            return
        }
        guard let upstream = upstreams.find(flow.pointee.upstream) else { return }
        let callerHandle = upstream.pointee.caller
        let before = callers.find(callerHandle)?.pointee.end.pending.count ?? 0
        takeAnswer(handle, flow, bytes)
        let after = callers.find(callerHandle)?.pointee.end.pending.count ?? before
        guard let flow = flows.find(handle), flow.pointee.stream != 0, let upstream = upstreams.find(flow.pointee.upstream) else {
            // The stream is over: what waits of it is no longer its own.
            tunnel.session?.consumedConnection(bytes.count)
            return
        }
        // Of a complete answer the rest is the caller's alone: another may be next on this stream.
        let waiting = upstream.pointee.caller == callerHandle ? min(bytes.count, max(0, after - before)) : 0
        takeBacklog(tunnel, bytes.count, waiting)
        upstream.pointee.waiting += waiting
        if bytes.count > waiting { tunnel.session?.consumed(StreamID(rawValue: flow.pointee.stream), bytes.count - waiting) }
    }

    /// The caller took bytes that had waited.
    func credit(_ handle: SlabHandle, _ written: Int) {
        guard written > 0, let flow = flows.find(handle), let upstream = upstreams.find(flow.pointee.upstream) else { return }
        let count = min(written, upstream.pointee.waiting)
        guard count > 0, let tunnel = tunnels.find(flow.pointee.tunnel)?.pointee else { return }
        upstream.pointee.waiting -= count
        releaseBacklog(tunnel, count)
        tunnel.session?.consumed(StreamID(rawValue: flow.pointee.stream), count)
        markDirty(tunnel)
    }

    // MARK: Endings

    /// The endpoint will send no more: the end of an answer that has no other, or of the connection.
    func upstreamEnded(_ handle: SlabHandle, _ flow: UnsafeMutablePointer<Flow>) {
        guard let upstream = upstreams.find(flow.pointee.upstream), let caller = callers.find(upstream.pointee.caller),
            upstream.pointee.body?.endsWithConnection == true
        else { return upstreamLost(handle, flow, .endpointClosed) }
        let callerHandle = upstream.pointee.caller
        closeUpstream(handle, flow)
        completeExchange(callerHandle, caller, closes: true)
    }

    /// The connection failed, or was never made. An idle one is simply forgotten.
    func upstreamLost(_ handle: SlabHandle, _ flow: UnsafeMutablePointer<Flow>, _ reason: DenialReason) {
        if let session = session(of: flow) { return lose(session, reason) }
        guard let upstream = upstreams.find(flow.pointee.upstream) else { return }
        let callerHandle = upstream.pointee.caller
        closeUpstream(handle, flow)
        guard let caller = callers.find(callerHandle), caller.pointee.exchange.upstream == handle else { return }
        attemptLost(callerHandle, caller, reason)
    }

    /// The caller learns it by the loss of its own connection or stream once its answer has begun.
    func attemptLost(_ handle: SlabHandle, _ caller: UnsafeMutablePointer<Caller>, _ reason: DenialReason) {
        guard caller.pointee.exchange.stage == .answering else { return attemptEnded(handle, caller, reason) }
        endExchange(caller, .reset, reason)
        breakOff(handle, caller)
    }

    /// The caller has no more use for the connection, which is in the midst of something: it is closed.
    func dropUpstream(_ caller: UnsafeMutablePointer<Caller>) {
        let handle = caller.pointee.exchange.upstream
        let stream = caller.pointee.exchange.stream
        caller.pointee.exchange.upstream = .none
        caller.pointee.exchange.stream = 0
        guard let flow = flows.find(handle) else { return }
        guard let session = session(of: flow) else { return closeUpstream(handle, flow) }
        guard stream != 0 else { return }
        session.http2?.consumedConnection(session.backlog.release(caller.pointee.end.pending.count))
        session.http2?.reset(StreamID(rawValue: stream), .cancel)
        markDirty(session)
    }

    /// The answer is complete: the connection waits for the next request, or is closed.
    func releaseUpstream(_ handle: SlabHandle, _ flow: UnsafeMutablePointer<Flow>, keeps: Bool) {
        guard keeps, !isGoingAway(flow), let upstream = upstreams.find(flow.pointee.upstream) else { return closeUpstream(handle, flow) }
        credit(handle, upstream.pointee.waiting)
        guard idleUpstreams.put(handle, upstream.pointee.key) else { return closeUpstream(handle, flow) }
        upstream.pointee.caller = .none
        upstream.pointee.body = nil
        upstream.pointee.scanner = HeadScanner()
        upstream.pointee.idleSince = now
        idleDeadlines.schedule(handle, now: now)
    }

    func idleTimedOut(_ handle: SlabHandle) {
        guard let flow = flows.find(handle), let upstream = upstreams.find(flow.pointee.upstream), upstream.pointee.caller == .none,
            now &- upstream.pointee.idleSince >= idleDeadlines.delay
        else { return }
        endUnused(handle, flow)
    }

    /// Nothing is under way on it. In a tunnel a close would be a reset, and the other node would report one.
    func endUnused(_ handle: SlabHandle, _ flow: UnsafeMutablePointer<Flow>) {
        guard let upstream = upstreams.find(flow.pointee.upstream), let tunnel = tunnels.find(flow.pointee.tunnel)?.pointee,
            flow.pointee.stream != 0
        else { return closeUpstream(handle, flow) }
        idleUpstreams.remove(handle, upstream.pointee.key)
        upstream.pointee.input.free()
        upstreams.remove(flow.pointee.upstream)
        flow.pointee.upstream = .none
        flow.pointee.ends = true
        flow.pointee.attemptStarted = now
        tunnel.session?.readyToSend(StreamID(rawValue: flow.pointee.stream))
        markDirty(tunnel)
        connectDeadlines.schedule(handle, now: now)
    }

    /// The node at the other end is about to end: connections in this tunnel that nobody uses are no reason for it to wait.
    func endUnusedUpstreams(in tunnel: Tunnel) {
        var free: [SlabHandle] = []
        upstreams.forEach { _, upstream in
            guard upstream.pointee.caller == .none, flows.find(upstream.pointee.flow)?.pointee.tunnel == tunnel.handle else { return }
            free.append(upstream.pointee.flow)
        }
        for handle in free {
            guard let flow = flows.find(handle) else { continue }
            if let session = session(of: flow) {
                if !session.isUsed { lose(session, .draining) }
            } else {
                endUnused(handle, flow)
            }
        }
    }

    /// A flow that nobody uses has ended, or does not end by itself.
    func forget(_ handle: SlabHandle, _ flow: UnsafeMutablePointer<Flow>) {
        leaveTunnel(flow)
        flow.pointee.outbound.free()
        flows.remove(handle)
    }

    /// The caller's connection and the endpoint's carry bytes between each other from now on.
    func becomeFlow(
        _ handle: SlabHandle, _ flow: UnsafeMutablePointer<Flow>, _ callerHandle: SlabHandle, _ caller: UnsafeMutablePointer<Caller>
    ) {
        upstreams.find(flow.pointee.upstream)?.pointee.input.free()
        upstreams.remove(flow.pointee.upstream)
        flow.pointee.upstream = .none
        flow.pointee.started = caller.pointee.exchange.started
        flow.pointee.record = caller.pointee.exchange.record
        flow.pointee.record.request.attempts = caller.pointee.exchange.attempts
        flow.pointee.ticket = caller.pointee.exchange.ticket
        flow.pointee.near = caller.pointee.end
        flow.pointee.near.isReadable = true
        // What came early goes first.
        if flow.pointee.kind == .local {
            _ = flow.pointee.far.write(caller.pointee.input.readable)
        } else {
            flow.pointee.outbound.append(caller.pointee.input.readable)
            if let tunnel = tunnels.find(flow.pointee.tunnel)?.pointee { tunnel.backlog += flow.pointee.near.pending.count }
        }
        watchTime(handle, flow, caller.pointee.exchange.rules)
        leaveQueue(caller)
        budget.end(wasRetried: caller.pointee.exchange.isRetry)
        caller.pointee.exchange.free()
        caller.pointee.input.free()
        callers.remove(callerHandle)
        // Modifying raises the events that are due already.
        let interest: Poller.Interest = [.readable, .writable, .peerHalfClosed, .edgeTriggered]
        try? poller.modify(flow.pointee.near.socket, interest, token: TokenTag.near.token(handle))
    }

    func closeUpstream(_ handle: SlabHandle, _ flow: UnsafeMutablePointer<Flow>) {
        if let upstream = upstreams.find(flow.pointee.upstream) {
            if upstream.pointee.caller == .none { idleUpstreams.remove(handle, upstream.pointee.key) }
            upstream.pointee.input.free()
            if let tunnel = tunnels.find(flow.pointee.tunnel)?.pointee { releaseBacklog(tunnel, upstream.pointee.waiting) }
            upstreams.remove(flow.pointee.upstream)
        }
        leaveTunnel(flow)
        flow.pointee.far.close()
        flow.pointee.outbound.free()
        flows.remove(handle)
    }
}
