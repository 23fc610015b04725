internal import Glibc
internal import MeshProtocols
internal import MeshRuntime
internal import MeshSystem
internal import MeshTypes

/// Bytes between a socket and a stream, at both ends of a tunnel.
extension Worker {
    /// The socket has something to say, or takes more.
    func streamSocketReady(_ handle: SlabHandle, _ flow: UnsafeMutablePointer<Flow>) {
        guard let tunnel = tunnels.find(flow.pointee.tunnel)?.pointee else { return }
        if !flow.pointee.near.pending.isEmpty {
            guard let written = flow.pointee.near.flush() else { return nearBroke(handle, flow) }
            credit(tunnel, flow, written)
        }
        flow.pointee.near.finishIfDue()
        if flow.pointee.near.isReadable, !flow.pointee.near.readEnded, let session = tunnel.session {
            session.readyToSend(StreamID(rawValue: flow.pointee.stream))
        }
        markDirty(tunnel)
        finishStreamIfComplete(handle, flow)
    }

    /// Fills a DATA frame straight from the socket.
    func pull(_ handle: SlabHandle, into buffer: UnsafeMutableRawBufferPointer) -> PullResult {
        guard let flow = flows.find(handle) else { return .reset(.cancel) }
        if flow.pointee.ends { return .last(0) }
        if flow.pointee.upstream != .none || !flow.pointee.outbound.isEmpty { return pullOutbound(flow, into: buffer) }
        guard flow.pointee.stage == .relaying, flow.pointee.near.isReadable else { return .later }
        while true {
            let count = recv(flow.pointee.near.socket, buffer.baseAddress, buffer.count, 0)
            if count > 0 {
                if count < buffer.count { flow.pointee.near.noteShortRead() }
                flow.pointee.awaitsAnswer = flow.pointee.kind == .outgoing
                if flow.pointee.kind == .outgoing {
                    flow.pointee.record.sent += UInt64(count)
                } else {
                    flow.pointee.record.received += UInt64(count)
                }
                return .bytes(count)
            }
            if count == 0 {
                flow.pointee.near.readEnded = true
                return .last(0)
            }
            if errno == EAGAIN {
                flow.pointee.near.isReadable = false
                return .later
            }
            if errno != EINTR {
                // The session resets the stream; the flow ends with the batch.
                flow.pointee.streamEnded = true
                flow.pointee.near.close()
                flow.pointee.stage = .resetting
                lingerDeadlines.schedule(handle, now: now)
                return .reset(.connectError)
            }
        }
    }

    func streamData(_ handle: SlabHandle, _ tunnel: Tunnel, _ bytes: UnsafeRawBufferPointer) {
        guard let flow = flows.find(handle), flow.pointee.stage != .resetting, !flow.pointee.ends else {
            tunnel.session?.consumedConnection(bytes.count)
            return
        }
        if flow.pointee.upstream != .none { return takeStreamAnswer(handle, flow, tunnel, bytes) }
        flow.pointee.awaitsAnswer = flow.pointee.kind == .incoming
        if flow.pointee.kind == .outgoing {
            flow.pointee.record.received += UInt64(bytes.count)
        } else {
            flow.pointee.record.sent += UInt64(bytes.count)
        }
        guard flow.pointee.gate != .none else { return deliver(handle, flow, tunnel, bytes) }
        guard var passed = gated(handle, flow, tunnel, bytes) else { return }
        if !passed.isEmpty { deliver(handle, flow, tunnel, passed.readable) }
        passed.free()
    }

    private func deliver(
        _ handle: SlabHandle, _ flow: UnsafeMutablePointer<Flow>, _ tunnel: Tunnel, _ bytes: UnsafeRawBufferPointer
    ) {
        let before = flow.pointee.near.pending.count
        let outcome: SocketEnd.Outcome
        if flow.pointee.stage == .connecting {
            flow.pointee.near.pending.append(bytes)
            outcome = .blocked
        } else {
            // A full frame is seldom the last one of a burst.
            let more = bytes.count >= Self.fullFrame
            outcome = flow.pointee.near.write(bytes, more: more)
            noteGathering(handle, more && outcome == .done)
        }
        if outcome == .failed {
            tunnel.session?.consumedConnection(bytes.count)
            return nearBroke(handle, flow)
        }
        let waiting = flow.pointee.near.pending.count - before
        takeBacklog(tunnel, bytes.count, waiting)
        if bytes.count > waiting {
            tunnel.session?.consumed(StreamID(rawValue: flow.pointee.stream), bytes.count - waiting)
        }
    }

    private static let fullFrame = HBONELimits.dataPayload

    /// At most one socket gathers at a time.
    private func noteGathering(_ handle: SlabHandle, _ gathers: Bool) {
        if gathering != handle { pushGathered() }
        gathering = gathers ? handle : .none
    }

    /// Sends what the kernel gathers. Setting TCP_NODELAY does that (tcp(7)).
    func pushGathered() {
        guard gathering != .none, let flow = flows.find(gathering) else { return }
        gathering = .none
        if flow.pointee.near.socket >= 0 { TCPSocket.disableDelay(flow.pointee.near.socket) }
    }

    func streamEnded(_ handle: SlabHandle, _ flow: UnsafeMutablePointer<Flow>) {
        if flow.pointee.upstream != .none { return upstreamEnded(handle, flow) }
        if flow.pointee.ends { return }
        flow.pointee.near.finishes = true
        if flow.pointee.stage == .relaying { flow.pointee.near.finishIfDue() }
    }

    func streamReset(_ handle: SlabHandle, _ flow: UnsafeMutablePointer<Flow>, _ code: HBONEErrorCode) {
        flow.pointee.streamEnded = true
        guard flow.pointee.kind == .outgoing else { return beginReset(handle, flow) }
        if code == .permitWithdrawn { flow.pointee.resetReason = .permitWithdrawn }
        guard flow.pointee.stage == .connecting else { return beginReset(handle, flow) }
        switch code {
        case .refusedStream: attemptFailed(handle, flow, .draining)
        case .permitWithdrawn: attemptFailed(handle, flow, .permitWithdrawn)
        default: attemptFailed(handle, flow, .endpointRefused)
        }
    }

    /// Both directions of the stream have ended.
    func streamClosed(_ handle: SlabHandle, _ flow: UnsafeMutablePointer<Flow>) {
        flow.pointee.streamEnded = true
        if flow.pointee.upstream != .none { return upstreamEnded(handle, flow) }
        if flow.pointee.ends { return forget(handle, flow) }
        if flow.pointee.stage == .relaying { finishStreamIfComplete(handle, flow) }
    }

    private func finishStreamIfComplete(_ handle: SlabHandle, _ flow: UnsafeMutablePointer<Flow>) {
        guard flow.pointee.streamEnded, flow.pointee.near.isComplete else { return }
        finish(handle, flow, .closed, .none)
    }

    /// The workload's connection broke: the other end learns it by RST_STREAM.
    private func nearBroke(_ handle: SlabHandle, _ flow: UnsafeMutablePointer<Flow>) {
        flow.pointee.near.close()
        finish(handle, flow, .reset, .reset)
    }

    // MARK: Windows

    /// Received bytes: connection credit at once while the tunnel's backlog is bounded.
    func takeBacklog(_ tunnel: Tunnel, _ received: Int, _ waiting: Int) {
        tunnel.backlog += waiting
        if tunnel.backlog > shared.options.maximumTunnelBacklog {
            tunnel.withheld += received
        } else {
            tunnel.session?.consumedConnection(received)
        }
    }

    /// Bytes that waited were written: stream credit for them.
    private func credit(_ tunnel: Tunnel, _ flow: UnsafeMutablePointer<Flow>, _ written: Int) {
        guard written > 0 else { return }
        tunnel.session?.consumed(StreamID(rawValue: flow.pointee.stream), written)
        releaseBacklog(tunnel, written)
    }

    func releaseBacklog(_ tunnel: Tunnel, _ bytes: Int) {
        guard bytes > 0 else { return }
        tunnel.backlog -= bytes
        if tunnel.withheld > 0, tunnel.backlog <= shared.options.maximumTunnelBacklog {
            tunnel.session?.consumedConnection(tunnel.withheld)
            tunnel.withheld = 0
            markDirty(tunnel)
        }
    }
}
