internal import MeshProtocols
internal import MeshRuntime
internal import MeshSnapshot
internal import MeshTypes

/// Health feeds in tunnels: the callees' node tells which of its endpoints are ready, the callers' node believes it for a while (R5.5).
extension Worker {
    /// How long a refusal for want of readiness is believed where no feed says more.
    private static let refusalMemory = Duration.seconds(5)

    // MARK: The callers' node

    /// Asks for the feed, where there is something to know.
    func openFeed(_ tunnel: Tunnel) {
        guard let key = tunnel.key, tunnel.stage == .open, !tunnel.isDraining, tunnel.feed.stage == .none, let session = tunnel.session,
            let snapshot, snapshot.service(key.destination)?.traffic.health != nil
        else { return }
        let request = ConnectRequest(authority: HealthFeed.authority, source: snapshot.service(key.source)?.identity)
        guard let stream = session.openStream(request, token: TunnelFeed.token) else { return }
        tunnel.feed.stage = .asked
        tunnel.feed.stream = stream
        markDirty(tunnel)
    }

    /// An older daemon, or a peer that is none of ours, refuses.
    func feedAnswered(_ tunnel: Tunnel, status: Int) { tunnel.feed.stage = status == 200 ? .reading : .over }

    func feedData(_ tunnel: Tunnel, _ bytes: UnsafeRawBufferPointer) {
        tunnel.session?.consumedConnection(bytes.count)
        tunnel.session?.consumed(tunnel.feed.stream, bytes.count)
        guard tunnel.feed.stage == .reading, let key = tunnel.key else { return }
        guard let statements = tunnel.feed.reader.take(bytes, now: now) else {
            tunnel.feed.stage = .over
            tunnel.session?.reset(tunnel.feed.stream, .protocolError)
            return markDirty(tunnel)
        }
        // Each is a whole picture: only the last one still holds.
        if let statement = statements.last { learn(statement, key) }
    }

    /// The peer's certificate is the service's, so it may speak of that service's endpoints; and of those only that lie behind it.
    private func learn(_ statement: [HealthFeed.Line], _ key: TunnelKey) {
        guard let service = snapshot?.service(key.destination) else { return }
        let said = Dictionary(statement.map { ($0.endpoint, $0.isReady) }) { _, last in last }
        let load = load(of: key.destination)
        for endpoint in service.endpoints where endpoint.tunnel == key.peer {
            let isReady = said[endpoint.address]
            load.learn(
                isReady.map { $0 ? .ready : .unready } ?? .unknown, of: endpoint.address, until: now + HealthFeed.staleness.nanoseconds,
                now: now)
        }
    }

    /// The callee's node refused the stream because its endpoint is not ready: as good as a line of the feed.
    func learnRefusal(_ flow: UnsafeMutablePointer<Flow>) {
        load(of: flow.pointee.record.destination).learn(
            .unready, of: flow.pointee.record.endpoint, until: now + Self.refusalMemory.nanoseconds, now: now)
    }

    // MARK: The callees' node

    /// - Returns: the stream's token, 0 when it was refused.
    func beginFeed(_ tunnel: Tunnel, _ stream: StreamID) -> UInt64 {
        guard let session = tunnel.session else { return 0 }
        let reason = feedRefusal(tunnel)
        guard reason == .none else {
            session.refuse(stream, status: reason == .overloaded ? 503 : 401, reason: reason)
            markDirty(tunnel)
            return 0
        }
        tunnel.feed = TunnelFeed()
        tunnel.feed.stage = .writing
        tunnel.feed.stream = stream
        tunnel.feed.writer.state(shared.health.statement(of: tunnel.local))
        session.accept(stream)
        markDirty(tunnel)
        return TunnelFeed.token
    }

    /// Who may not call the service learns nothing of it.
    private func feedRefusal(_ tunnel: Tunnel) -> DenialReason {
        guard tunnel.feed.stage != .writing else { return .overloaded }
        guard let snapshot, tunnel.peer != .none, tunnel.local != .none else { return .peerIdentity }
        switch authorise(from: tunnel.peer, to: tunnel.local, in: snapshot) {
        case .refused(let reason): return reason
        case .permitted: return .none
        }
    }

    func pullFeed(_ tunnel: Tunnel, into buffer: UnsafeMutableRawBufferPointer) -> PullResult {
        // The client has nothing to say.
        guard tunnel.feed.stage == .writing else { return .last(0) }
        if tunnel.feed.ends { return .last(0) }
        var count = tunnel.feed.writer.fill(buffer)
        if count == 0, tunnel.feed.writer.isBehind {
            tunnel.feed.writer.state(shared.health.statement(of: tunnel.local))
            count = tunnel.feed.writer.fill(buffer)
        }
        return count > 0 ? .bytes(count) : .later
    }

    /// Tells every feed of the service how its endpoints are now.
    func announceHealth(of service: ServiceID) {
        var statement: [HealthFeed.Line]?
        tunnels.forEach { _, tunnel in
            guard tunnel.pointee.feed.stage == .writing, tunnel.pointee.local == service else { return }
            let lines = statement ?? shared.health.statement(of: service)
            statement = lines
            state(lines, tunnel.pointee)
        }
    }

    private func state(_ lines: [HealthFeed.Line], _ tunnel: Tunnel) {
        tunnel.feed.writer.state(lines)
        tunnel.session?.readyToSend(tunnel.feed.stream)
        markDirty(tunnel)
    }

    /// Once per heartbeat: statements for all that listen; feeds for tunnels whose service began to be checked meanwhile.
    func beatHealthFeeds() {
        guard now &- feedsBeatAt >= HealthFeed.heartbeat.nanoseconds else { return }
        feedsBeatAt = now
        tunnels.forEach { _, slot in
            let tunnel = slot.pointee
            switch tunnel.feed.stage {
            case .none: openFeed(tunnel)
            case .asked, .reading, .over: break
            case .writing:
                if let snapshot, case .permitted = authorise(from: tunnel.peer, to: tunnel.local, in: snapshot) {
                    state(shared.health.statement(of: tunnel.local), tunnel)
                } else {
                    endFeed(tunnel)
                }
            }
        }
    }

    /// Says nothing more, so that the feed does not keep a tunnel that ends.
    func endFeed(_ tunnel: Tunnel) {
        guard tunnel.feed.stage == .writing else { return }
        tunnel.feed.ends = true
        tunnel.session?.readyToSend(tunnel.feed.stream)
        markDirty(tunnel)
    }

    /// The stream is gone. A client does not ask again in this tunnel; of a server it may.
    func feedClosed(_ tunnel: Tunnel) { tunnel.feed.stage = tunnel.isClient ? .over : .none }

    // MARK: Refusing

    /// A stream for an endpoint that is not ready is refused, nothing having been delivered, so that the callers' node tries another. A peer that
    /// was told and comes nevertheless means it: its caller dialled the very endpoint, or it found too few others.
    func spares(_ address: SocketAddress, _ tunnel: Tunnel, _ snapshot: Snapshot) -> Bool {
        guard let service = snapshot.service(tunnel.local), service.traffic.health != nil,
            tunnel.feed.stage != .writing || !tunnel.feed.writer.hasToldUnready(address)
        else { return false }
        return load(of: tunnel.local).spares(address, service, snapshot, now: now)
    }
}
