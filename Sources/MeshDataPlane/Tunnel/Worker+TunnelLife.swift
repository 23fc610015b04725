internal import Glibc
internal import MeshProtocols
internal import MeshRuntime
internal import MeshSystem
internal import MeshTLS
internal import MeshTypes

/// Draining, keeping alive and ending tunnels.
extension Worker {
    /// Milliseconds by which two nodes' clocks may differ unnoticed.
    private static let clockDifference: Int64 = 1000

    /// The tunnel takes no new streams; it is closed with its last one.
    func drain(_ tunnel: Tunnel) {
        guard !tunnel.isDraining else { return }
        retire(tunnel)
        endFeed(tunnel)
        tunnel.session?.goAway()
        markDirty(tunnel)
    }

    /// The peer (or we) will have no new streams on it.
    func retire(_ tunnel: Tunnel) {
        tunnel.isDraining = true
        if let key = tunnel.key, pool[key] == tunnel.handle { pool[key] = nil }
        markDirty(tunnel)
    }

    func closeIfFinished(_ tunnel: Tunnel) {
        guard tunnel.stage == .open, tunnel.pending.isEmpty, let session = tunnel.session else { return }
        let isIdle = tunnel.streams == 0 && tunnel.waiting.isEmpty
        guard session.isFinished || (tunnel.isDraining && tunnel.isClient && isIdle) else { return }
        tunnel.tls.close(output: ciphertext)
        let bytes = ciphertext.readable
        _ = send(tunnel.socket, bytes.baseAddress, bytes.count, Int32(MSG_NOSIGNAL))
        ciphertext.removeAll()
        end(tunnel, .tunnelFailed)
    }

    /// The tunnel broke: its streams with it.
    func fail(_ tunnel: Tunnel, _ reason: DenialReason) {
        guard tunnel.stage != .closed else { return }
        if tunnel.stage != .open { counters.tunnelsFailed += 1 }
        // The other end looks at the clock too, and may have been the first.
        let isOver = tunnel.validity.isOver(wallMilliseconds + Self.clockDifference)
        let reason = reason == .tunnelFailed && isOver ? .certificateExpired : reason
        if reason == .certificateExpired { counters.tunnelsExpired += 1 }
        end(tunnel, reason)
    }

    private func end(_ tunnel: Tunnel, _ reason: DenialReason) {
        let wasOpen = tunnel.stage == .open
        tunnel.stage = .closed
        retire(tunnel)
        tunnel.session = nil
        close(tunnel.socket)
        tunnel.pending.free()
        let handle = tunnel.handle
        for waiting in tunnel.waiting {
            guard let flow = flows.find(waiting), flow.pointee.tunnel == handle else { continue }
            flow.pointee.tunnel = .none
            attemptFailed(waiting, flow, reason)
        }
        if wasOpen { resetStreams(of: handle, reason) }
        places.leave(tunnel.place)
        tunnel.place = .none
        tunnels.remove(handle)
    }

    private func resetStreams(of tunnel: SlabHandle, _ reason: DenialReason) {
        var orphans: [SlabHandle] = []
        flows.forEach { handle, flow in if flow.pointee.tunnel == tunnel { orphans.append(handle) } }
        for handle in orphans {
            guard let flow = flows.find(handle) else { continue }
            flow.pointee.tunnel = .none
            flow.pointee.stream = 0
            if reason.endsTrust { flow.pointee.resetReason = reason }
            if flow.pointee.stage == .connecting, flow.pointee.kind == .outgoing {
                attemptFailed(handle, flow, reason.endsTrust ? reason : .tunnelFailed)
            } else if flow.pointee.stage != .resetting {
                beginReset(handle, flow)
            }
        }
    }

    func handshakeTimedOut(_ handle: SlabHandle) {
        guard let tunnel = tunnels.find(handle)?.pointee, tunnel.stage != .open else { return }
        fail(tunnel, .tunnelFailed)
    }

    /// Once per keepalive interval and tunnel.
    func keepAlive(_ handle: SlabHandle) {
        guard let tunnel = tunnels.find(handle)?.pointee, let session = tunnel.session else { return }
        if session.tick(now: now) != nil || tunnel.pingSent != 0 && now &- tunnel.lastHeard >= keepaliveDeadlines.delay {
            return fail(tunnel, .tunnelFailed)
        }
        if tunnel.isClient, tunnel.streams == 0, now &- tunnel.lastUsed > shared.idleNanoseconds {
            drain(tunnel)
        } else {
            tunnel.pingSent = now
            session.ping()
            markDirty(tunnel)
        }
        keepaliveDeadlines.schedule(handle, now: now)
    }

    /// A failed handshake is a refusal: the log says who and why.
    func note(_ tunnel: Tunnel) {
        if let failure = tunnel.tls.failure { note(tunnel, failure) }
    }

    func note(_ tunnel: Tunnel, _ failure: TLSFailure) {
        var record = FlowRecord()
        record.start = MonotonicClock.wall()
        record.path = .tunnel
        record.ending = .refused
        record.reason = failure.reason
        if let key = tunnel.key {
            record.source = key.source
            record.destination = key.destination
            record.endpoint = key.peer
        } else {
            record.reporter = .destination
            record.sourceAddress = TCPSocket.peerAddress(tunnel.socket) ?? record.sourceAddress
            record.destination = tunnel.tls.localIdentity.flatMap { snapshot?.identifier($0.service) } ?? .none
        }
        journal(&record, failure)
    }

    /// The caller's node's answer to a CONNECT.
    func streamAnswered(
        _ handle: SlabHandle, _ flow: UnsafeMutablePointer<Flow>, _ tunnel: Tunnel, status: Int, reason: DenialReason
    ) {
        guard flow.pointee.stage == .connecting else { return }
        guard status == 200 else {
            flow.pointee.streamEnded = true
            switch reason {
            case .notAllowed, .denied, .peerIdentity:
                leaveTunnel(flow)
                return give(up: handle, flow, reason)
            case .endpointNotReady:
                learnRefusal(flow)
                return attemptFailed(handle, flow, reason)
            default: return attemptFailed(handle, flow, reason == .none ? .endpointRefused : reason)
            }
        }
        if flow.pointee.upstream != .none { return upstreamConnected(handle, flow) }
        flow.pointee.stage = .relaying
        flow.pointee.record.reason = .none
        startReadingCaller(handle, flow)
    }
}

extension DenialReason {
    /// A tunnel that ends so did not break: what entitled its ends to it is gone, as the log of each flow says.
    fileprivate var endsTrust: Bool {
        switch self {
        case .certificateExpired, .certificateRevoked, .permitWithdrawn, .peerUnverified, .peerIdentity: true
        default: false
        }
    }
}
