internal import Glibc
internal import MeshRuntime
internal import MeshSystem
internal import MeshTypes

/// Events of the sockets of flows.
extension Worker {
    func nearReady(_ handle: SlabHandle, _ ready: Poller.Interest) {
        guard let flow = flows.find(handle) else { return }
        let hasFailed = ready.hasFailed
        flow.pointee.near.note(ready)
        switch (flow.pointee.kind, flow.pointee.stage) {
        case (.local, .relaying): pumpLocal(handle, flow)
        case (.local, .connecting), (.outgoing, .connecting):
            // The caller may leave before the callee has answered.
            if hasFailed { abandoned(handle, flow) }
        case (.incoming, .connecting):
            guard ready.endsConnecting else { return }
            let reason = connectSucceeded(flow.pointee.near.socket)
            if reason == .none { acceptStream(handle, flow) } else { refuseStream(handle, flow, reason) }
        case (.outgoing, .relaying), (.incoming, .relaying): streamSocketReady(handle, flow)
        case (_, .resetting): flushBeforeReset(handle, flow)
        }
    }

    func farReady(_ handle: SlabHandle, _ ready: Poller.Interest) {
        guard let flow = flows.find(handle) else { return }
        flow.pointee.far.note(ready)
        if flow.pointee.upstream != .none { return upstreamReady(handle, flow, ready) }
        switch flow.pointee.stage {
        case .connecting:
            guard ready.endsConnecting else { return }
            let reason = connectSucceeded(flow.pointee.far.socket)
            guard reason == .none else { return attemptFailed(handle, flow, reason) }
            flow.pointee.stage = .relaying
            flow.pointee.record.reason = .none
            startReadingCaller(handle, flow)
            if let flow = flows.find(handle) { pumpLocal(handle, flow) }
        case .relaying: pumpLocal(handle, flow)
        case .resetting: flushBeforeReset(handle, flow)
        }
    }

    /// From now on the caller's socket is read: until here its bytes waited in the kernel.
    func startReadingCaller(_ handle: SlabHandle, _ flow: UnsafeMutablePointer<Flow>) {
        judge(&flow.pointee.ticket, of: flow.pointee.record.destination, .succeeded, latency: now &- flow.pointee.attemptStarted)
        flow.pointee.near.isReadable = true
        watch(flow.pointee.near.socket, .near, handle)
    }

    private func abandoned(_ handle: SlabHandle, _ flow: UnsafeMutablePointer<Flow>) {
        flow.pointee.far.abort()
        flow.pointee.near.close()
        finish(handle, flow, .reset, .reset)
    }

    /// Moves bytes both ways between the two sockets.
    func pumpLocal(_ handle: SlabHandle, _ flow: UnsafeMutablePointer<Flow>) {
        let sent = pump(&flow.pointee.near, &flow.pointee.far, &flow.pointee.record.sent)
        let received = pump(&flow.pointee.far, &flow.pointee.near, &flow.pointee.record.received)
        if sent == .readerBroke || received == .writerBroke {
            flow.pointee.near.close()
            return beginReset(handle, flow)
        }
        if sent == .writerBroke || received == .readerBroke {
            flow.pointee.far.close()
            return beginReset(handle, flow)
        }
        if sent == .more || received == .more { again.append(TokenTag.near.token(handle)) }
        if flow.pointee.near.isComplete, flow.pointee.far.isComplete { finish(handle, flow, .closed, .none) }
    }

    enum Pumped { case idle, more, readerBroke, writerBroke }

    /// Reads per socket and event, so that one flow does not hold the worker.
    private static let readsPerTurn = 16

    /// `readerBroke`: the connection that is read from is gone; `writerBroke`: the one that is written to.
    private func pump(_ from: inout SocketEnd, _ to: inout SocketEnd, _ count: inout UInt64) -> Pumped {
        guard to.flush() != nil else { return .writerBroke }
        var turns = Self.readsPerTurn
        while from.isReadable, !from.readEnded, to.pending.isEmpty {
            guard turns > 0 else { return .more }
            turns -= 1
            let bytes = recv(from.socket, scratch.baseAddress, scratch.count, 0)
            if bytes > 0 {
                if bytes < scratch.count { from.noteShortRead() }
                count += UInt64(bytes)
                if to.write(UnsafeRawBufferPointer(rebasing: scratch[..<bytes])) == .failed { return .writerBroke }
            } else if bytes == 0 {
                from.readEnded = true
                to.finishes = true
            } else if errno == EAGAIN {
                from.isReadable = false
            } else if errno != EINTR {
                return .readerBroke
            }
        }
        to.finishIfDue()
        return .idle
    }

    /// A reset came from one side: the other gets what was received before, then a reset.
    func beginReset(_ handle: SlabHandle, _ flow: UnsafeMutablePointer<Flow>) {
        if flow.pointee.upstream != .none {
            return upstreamLost(handle, flow, flow.pointee.resetReason == .reset ? .endpointClosed : flow.pointee.resetReason)
        }
        if flow.pointee.ends { return forget(handle, flow) }
        flow.pointee.stage = .resetting
        flow.pointee.attemptStarted = now
        flushBeforeReset(handle, flow)
    }

    /// Writes what waits; then, or when nobody takes it for `lingerAttempts` rounds, the reset.
    func flushBeforeReset(_ handle: SlabHandle, _ flow: UnsafeMutablePointer<Flow>) {
        let isDrained = drained(&flow.pointee.near) && drained(&flow.pointee.far)
        guard !isDrained, now &- flow.pointee.attemptStarted < Self.lingerLimit else {
            flow.pointee.near.abort()
            flow.pointee.far.abort()
            return finish(handle, flow, .reset, flow.pointee.resetReason)
        }
        lingerDeadlines.schedule(handle, now: now)
    }

    /// How long bytes that came before a reset may take to be delivered.
    private static let lingerLimit: UInt64 = 5_000_000_000

    private func drained(_ end: inout SocketEnd) -> Bool {
        guard end.socket >= 0 else { return true }
        guard end.flush() != nil else { return true }
        return end.pending.isEmpty && TCPSocket.unacknowledged(end.socket) <= 0
    }

    func lingered(_ handle: SlabHandle) {
        guard let flow = flows.find(handle), flow.pointee.stage == .resetting else { return }
        flushBeforeReset(handle, flow)
    }
}
