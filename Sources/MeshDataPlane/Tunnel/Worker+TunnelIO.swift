internal import Glibc
internal import MeshProtocols
internal import MeshRuntime
internal import MeshSystem
internal import MeshTLS
internal import MeshTypes

/// Bytes of tunnels: ciphertext in, frames out; flushed once per batch of events.
extension Worker {
    /// Reads of one tunnel per event.
    private static let readsPerTurn = 32
    /// Ciphertext that is gathered before it is sent.
    private static let sendThreshold = 256 << 10

    func tunnelReady(_ handle: SlabHandle, _ ready: Poller.Interest) {
        guard let tunnel = tunnels.find(handle)?.pointee else { return }
        if tunnel.stage == .connecting {
            guard ready.endsConnecting else { return }
            guard TCPSocket.takeError(tunnel.socket) == 0 else { return fail(tunnel, .tunnelFailed) }
            TCPSocket.disableDelay(tunnel.socket)
            tunnel.stage = .handshaking
            tunnel.isWritable = true
            tunnel.tls.start(output: ciphertext)
            guard sendCiphertext(tunnel) else { return fail(tunnel, .tunnelFailed) }
        }
        if ready.mayWrite {
            tunnel.isWritable = true
            markDirty(tunnel)
        }
        if ready.mayRead { receive(tunnel) }
    }

    private func receive(_ tunnel: Tunnel) {
        defer { pushGathered() }
        for _ in 0..<Self.readsPerTurn {
            let count = recv(tunnel.socket, scratch.baseAddress, scratch.count, 0)
            if count > 0 {
                tunnel.lastHeard = now
                if tunnel.isSilent { hear(tunnel) }
                guard process(tunnel, UnsafeRawBufferPointer(rebasing: scratch[..<count])) else { return }
                // A short read means drained: the next edge tells of more.
                if count < scratch.count { return }
            } else if count == 0 {
                return fail(tunnel, .tunnelFailed)
            } else if errno == EAGAIN {
                return
            } else if errno != EINTR {
                return fail(tunnel, .tunnelFailed)
            }
        }
        again.append(TokenTag.tunnel.token(tunnel.handle))
    }

    /// - Returns: false when the tunnel is gone.
    private func process(_ tunnel: Tunnel, _ bytes: UnsafeRawBufferPointer) -> Bool {
        var failure: HBONEFailure?
        // What comes in one read with the end of the handshake waits until the peer is known.
        var early = ByteQueue()
        let progress = tunnel.tls.receive(bytes, output: ciphertext, plaintext: plaintext) { chunk in
            guard let session = tunnel.session else { return early.append(chunk) }
            if failure == nil { failure = session.receive(chunk, now: self.now) }
        }
        defer { early.free() }
        if progress == .failed {
            _ = sendCiphertext(tunnel)
            note(tunnel)
            fail(tunnel, tunnel.tls.failure?.reason ?? .tunnelFailed)
            return false
        }
        if tunnel.session == nil, tunnel.tls.isEstablished {
            guard welcome(tunnel) else { return false }
            establish(tunnel)
            if !early.isEmpty { failure = tunnel.session?.receive(early.readable, now: now) }
        }
        guard sendCiphertext(tunnel) else {
            fail(tunnel, .tunnelFailed)
            return false
        }
        if let failure {
            flush(tunnel)
            fail(tunnel, failure.reason)
            return false
        }
        if progress == .closed {
            fail(tunnel, .tunnelFailed)
            return false
        }
        if tunnel.session != nil {
            startWaiting(tunnel)
            markDirty(tunnel)
        }
        return true
    }

    /// TLS is up and the peer verified: HTTP/2 begins.
    private func establish(_ tunnel: Tunnel) {
        guard tunnel.tls.isEstablished, let peer = tunnel.tls.peer else { return }
        tunnel.stage = .open
        tunnel.peer = snapshot?.identifier(peer.service) ?? .none
        tunnel.local = tunnel.tls.localIdentity.flatMap { snapshot?.identifier($0.service) } ?? .none
        tunnel.validity = TunnelValidity(end: tunnel.tls.ends, now: wallMilliseconds, isClient: tunnel.isClient)
        tunnel.trust = tunnel.tls.trust
        var limits = HBONELimits()
        limits.maximumStreams = shared.options.maximumTunnelStreams
        tunnel.session = HBONESession(
            role: tunnel.isClient ? .client : .server, limits: limits, owner: Unmanaged.passUnretained(tunnel).toOpaque(),
            handlers: TunnelEvents.self, now: now)
        counters.tunnelsOpened += 1
        keepaliveDeadlines.schedule(tunnel.handle, now: now)
        openFeed(tunnel)
        startWaiting(tunnel)
        markDirty(tunnel)
    }

    func markDirty(_ tunnel: Tunnel) {
        guard !tunnel.isDirty else { return }
        tunnel.isDirty = true
        dirty.append(tunnel.handle)
    }

    func flushTunnels() {
        // Flushing may pull from streams that end, and so mark others.
        while !dirty.isEmpty {
            let batch = dirty
            dirty.removeAll(keepingCapacity: true)
            for handle in batch {
                guard let tunnel = tunnels.find(handle)?.pointee else { continue }
                tunnel.isDirty = false
                flush(tunnel)
                closeIfFinished(tunnel)
            }
        }
    }

    /// Takes frames from the session, seals them in full records and sends them, until the socket is full.
    private func flush(_ tunnel: Tunnel) {
        guard let session = tunnel.session, sendPending(tunnel) else { return }
        records.removeAll()
        while tunnel.pending.isEmpty, let frame = session.nextOutput() {
            guard records.add(frame, seal: { tunnel.tls.send($0, output: self.ciphertext) }) else {
                return fail(tunnel, .tunnelFailed)
            }
            if ciphertext.count >= Self.sendThreshold, !sendCiphertext(tunnel) { return fail(tunnel, .tunnelFailed) }
        }
        guard records.finish(seal: { tunnel.tls.send($0, output: self.ciphertext) }), sendCiphertext(tunnel) else {
            return fail(tunnel, .tunnelFailed)
        }
        if let failure = session.failure { fail(tunnel, failure.reason) }
    }

    /// What waited from before. - Returns: whether more may be sent now.
    private func sendPending(_ tunnel: Tunnel) -> Bool {
        while !tunnel.pending.isEmpty {
            let waiting = tunnel.pending.readable
            let count = send(tunnel.socket, waiting.baseAddress, waiting.count, Int32(MSG_NOSIGNAL))
            if count < 0 {
                if errno == EINTR { continue }
                if errno != EAGAIN { fail(tunnel, .tunnelFailed) }
                return false
            }
            tunnel.pending.consume(count)
        }
        return true
    }

    /// Sends what the session put into the shared buffer; the rest waits in the tunnel. - Returns: false on a broken connection.
    private func sendCiphertext(_ tunnel: Tunnel) -> Bool {
        defer { ciphertext.removeAll() }
        while tunnel.pending.isEmpty, !ciphertext.isEmpty {
            let bytes = ciphertext.readable
            let count = send(tunnel.socket, bytes.baseAddress, bytes.count, Int32(MSG_NOSIGNAL))
            if count < 0 {
                if errno == EINTR { continue }
                guard errno == EAGAIN else { return false }
                break
            }
            ciphertext.consume(count)
        }
        tunnel.pending.append(ciphertext.readable)
        return true
    }
}
