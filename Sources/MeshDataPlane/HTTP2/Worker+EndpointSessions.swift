internal import Glibc
internal import MeshProtocols
internal import MeshRuntime
internal import MeshSnapshot
internal import MeshTypes

/// Connections to endpoints that speak HTTP/2: opened, shared by streams, closed when nobody needs them.
extension Worker {
    /// Nanoseconds that a connection without requests is kept.
    private static let sessionIdle: UInt64 = 60_000_000_000

    /// Gives the request to a connection that takes it, or to a new one.
    func attemptOnSession(
        _ handle: SlabHandle, _ caller: UnsafeMutablePointer<Caller>, _ key: UpstreamKey, _ permit: Permit, _ endpoint: Endpoint,
        _ service: SnapshotService, _ snapshot: Snapshot
    ) {
        caller.pointee.exchange.replayed = 0
        caller.pointee.exchange.stream = 0
        let known = endpointPool[key]?.lazy.compactMap { self.endpointSessions.find($0)?.pointee }.first(where: takesRequests)
        if let session = known {
            caller.pointee.exchange.upstream = session.flow
            guard session.http2 == nil else { return sendOnSession(handle, caller, session) }
            return session.waiting.append(handle)
        }
        guard endpointPool[key, default: []].count < EndpointSession.maximumPerKey, let slot = endpointSessions.reserve() else {
            return attemptEnded(handle, caller, .overloaded)
        }
        let session = EndpointSession(self, slot, key)
        endpointSessions.fill(slot, session)
        session.waiting.append(handle)
        openSession(session, handle, caller, permit, endpoint, service, snapshot)
    }

    /// One whose tunnel goes away takes no more: it ends with its last stream.
    private func takesRequests(_ session: EndpointSession) -> Bool {
        if let flow = flows.find(session.flow), isGoingAway(flow) { session.isRetired = true }
        return session.takesRequests
    }

    private func openSession(
        _ session: EndpointSession, _ handle: SlabHandle, _ caller: UnsafeMutablePointer<Caller>, _ permit: Permit, _ endpoint: Endpoint,
        _ service: SnapshotService, _ snapshot: Snapshot
    ) {
        let delivery = snapshot.delivery(endpoint.address)
        guard let (flow, pointer) = openFlow(caller, key: session.key, carriesLocally: delivery != nil) else {
            endpointSessions.remove(session.handle)
            return attemptEnded(handle, caller, .overloaded)
        }
        upstreams.find(pointer.pointee.upstream)?.pointee.session = session.handle
        session.flow = flow
        caller.pointee.exchange.upstream = flow
        endpointPool[session.key, default: []].append(session.handle)
        endpointSessionDeadlines.schedule(session.handle, now: now)
        connectFlow(flow, pointer, permit, endpoint, delivery, service, snapshot)
    }

    /// The endpoint is connected: what waited goes out.
    func sessionConnected(_ session: EndpointSession) {
        session.connected()
        let waiting = session.waiting
        session.waiting = []
        for handle in waiting {
            guard let caller = callers.find(handle), caller.pointee.stage == .exchange, caller.pointee.exchange.upstream == session.flow
            else { continue }
            sendOnSession(handle, caller, session)
        }
        markDirty(session)
    }

    private func sendOnSession(_ handle: SlabHandle, _ caller: UnsafeMutablePointer<Caller>, _ session: EndpointSession) {
        let hasBody =
            !caller.pointee.requestEnded || !caller.pointee.input.isEmpty || !caller.pointee.exchange.replay.isEmpty
            || !caller.pointee.requestTrailers.isEmpty
        guard let stream = session.http2?.request(caller.pointee.exchange.head.readable, token: handle.rawValue, hasBody: hasBody) else {
            // More waited than the endpoint takes streams.
            return attemptEnded(handle, caller, .overloaded)
        }
        caller.pointee.exchange.stage = .sent
        caller.pointee.exchange.stream = stream.rawValue
        caller.pointee.exchange.mayHaveArrived = true
        watchIdleness(handle, caller)
        caller.pointee.exchange.record.path = flows.find(session.flow)?.pointee.kind == .local ? .local : .tunnel
        session.lastUsed = now
        markDirty(session)
        if !hasBody { copyIfDrawn(caller) }
    }

    // MARK: Bytes

    /// Bytes that the endpoint sent. - Returns: false when the session is gone.
    @discardableResult
    func take(_ session: EndpointSession, _ bytes: UnsafeRawBufferPointer) -> Bool {
        guard let http2 = session.http2 else { return false }
        let failure = http2.receive(bytes, now: now)
        markDirty(session)
        guard failure != nil else { return true }
        lose(session, .badResponse)
        return false
    }

    func flush(_ session: EndpointSession) {
        guard let http2 = session.http2, let flow = flows.find(session.flow) else { return }
        frames.removeAll()
        while takesMore(flow), let frame = http2.nextOutput() {
            guard frames.add(frame, send: { self.write($0, to: flow) }) else { return lose(session, .endpointClosed) }
        }
        guard frames.finish(send: { self.write($0, to: flow) }) else { return lose(session, .endpointClosed) }
        if http2.failure != nil { return lose(session, .badResponse) }
        if session.isRetired, http2.openStreams == 0 { lose(session, .endpointClosed) }
    }

    func markDirty(_ session: EndpointSession) {
        guard !session.isDirty else { return }
        session.isDirty = true
        dirtyEndpoints.append(session.handle)
    }

    func session(of flow: UnsafeMutablePointer<Flow>) -> EndpointSession? {
        guard let upstream = upstreams.find(flow.pointee.upstream), upstream.pointee.session != .none else { return nil }
        return endpointSessions.find(upstream.pointee.session)?.pointee
    }

    // MARK: Endings

    /// It takes no new requests.
    func retire(_ session: EndpointSession) {
        session.isRetired = true
        endpointPool[session.key]?.removeAll { $0 == session.handle }
        if endpointPool[session.key]?.isEmpty == true { endpointPool[session.key] = nil }
        markDirty(session)
    }

    /// The connection is gone, or of no use: its requests go elsewhere if they may.
    func lose(_ session: EndpointSession, _ reason: DenialReason) {
        guard endpointSessions.find(session.handle) != nil else { return }
        retire(session)
        endpointSessions.remove(session.handle)
        let lost = session.flow
        let isUsed = session.isUsed
        if let flow = flows.find(lost) {
            if isUsed { closeUpstream(lost, flow) } else { endUnused(lost, flow) }
        }
        guard isUsed else { return }
        var orphans: [SlabHandle] = []
        callers.forEach { handle, caller in
            if caller.pointee.stage == .exchange, caller.pointee.exchange.upstream == lost { orphans.append(handle) }
        }
        for handle in orphans {
            guard let caller = callers.find(handle) else { continue }
            caller.pointee.exchange.stream = 0
            attemptLost(handle, caller, reason)
        }
    }

    /// Once in a while: an endpoint that leaves us without its window for too long, or a connection that nobody needs.
    func checkEndpointSession(_ handle: SlabHandle) {
        guard let session = endpointSessions.find(handle)?.pointee else { return }
        if let http2 = session.http2 {
            guard http2.tick(now: now) == nil else { return lose(session, .endpointTimeout) }
            if http2.openStreams > 0 { session.lastUsed = now }
            if now &- session.lastUsed > Self.sessionIdle {
                http2.goAway()
                retire(session)
            }
        }
        endpointSessionDeadlines.schedule(handle, now: now)
    }

    /// The request's body has more, or has ended.
    func wakeEndpoint(_ caller: UnsafeMutablePointer<Caller>) {
        guard caller.pointee.exchange.stream != 0, let flow = flows.find(caller.pointee.exchange.upstream), let session = session(of: flow)
        else { return }
        session.http2?.readyToSend(StreamID(rawValue: caller.pointee.exchange.stream))
        markDirty(session)
    }

    /// The caller took bytes of the answer that had waited.
    func creditEndpoint(_ caller: UnsafeMutablePointer<Caller>, _ count: Int) {
        guard caller.pointee.exchange.stream != 0, let flow = flows.find(caller.pointee.exchange.upstream), let session = session(of: flow)
        else { return }
        session.http2?.consumed(StreamID(rawValue: caller.pointee.exchange.stream), count)
        session.http2?.consumedConnection(session.backlog.release(count))
        markDirty(session)
    }
}
