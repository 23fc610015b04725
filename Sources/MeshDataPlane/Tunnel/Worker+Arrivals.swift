internal import Glibc
internal import MeshRuntime
internal import MeshSystem
internal import MeshTLS
internal import MeshTypes

/// Connections to the tunnels' port until the other end has shown who it is: they have places of their own and little time, and what is
/// refused is counted and written at a bounded rate.
extension Worker {
    private static let acceptBatch = 64

    func acceptTunnels(_ slot: UInt64) {
        guard slot < tunnelListeners.count else { return }
        let listener = tunnelListeners[Int(slot)].raw
        for _ in 0..<Self.acceptBatch {
            let socket = TCPSocket.accept(listener)
            guard socket >= 0 else {
                if errno == EINTR { continue }
                if errno == EMFILE || errno == ENFILE, refuseOne(listener) { continue }
                return
            }
            guard let credentials = snapshot?.serverCredentials, let address = TCPSocket.peerAddress(socket)?.ip else {
                TCPSocket.abort(socket)
                continue
            }
            makeRoom(for: address, isScarce: isScarce(socket))
            TCPSocket.disableDelay(socket)
            let tls = TLSSession.accepting(credentials)
            tls.revoked = snapshot?.revoked ?? .none
            guard let tunnel = register(socket, tls, nil, nil) else { continue }
            tunnel.stage = .handshaking
            tunnel.isSilent = true
            tunnel.place = places.arrive(tunnel.handle, from: address)
            arrivalDeadlines.schedule(tunnel.handle, now: now)
        }
    }

    /// The oldest that said nothing give way, of the same address when it has its share.
    private func makeRoom(for address: IPAddress, isScarce: Bool) {
        while let handle = places.firstToGo(for: address, isScarce: isScarce), let tunnel = tunnels.find(handle)?.pointee {
            counters.handshakesDisplaced += 1
            dismiss(
                tunnel,
                "the connection gave way to another one before it had shown a certificate: too many come from its address, or in all")
        }
    }

    /// The first bytes have come.
    func hear(_ tunnel: Tunnel) {
        tunnel.isSilent = false
        places.hear(tunnel.place)
    }

    /// TLS is up: the peer leaves those that have proved nothing. - Returns: false when it has its share of tunnels, and this one is gone.
    func welcome(_ tunnel: Tunnel) -> Bool {
        guard !tunnel.isClient, tunnel.tls.isEstablished, let peer = tunnel.tls.peer else { return true }
        let number = snapshot?.identifier(peer.service) ?? .none
        let address = TCPSocket.peerAddress(tunnel.socket)?.ip ?? .v6Any
        guard let place = places.verify(tunnel.place, as: number, from: address) else {
            counters.peerTunnelsRefused += 1
            dismiss(tunnel, "\(peer.service) has as many tunnels to this node as one peer or one address may have")
            return false
        }
        tunnel.place = place
        return true
    }

    func arrivalTimedOut(_ handle: SlabHandle) {
        guard let tunnel = tunnels.find(handle)?.pointee, tunnel.stage == .handshaking, !tunnel.isClient else { return }
        counters.handshakesTimedOut += 1
        dismiss(tunnel, "the connection showed no certificate within \(shared.options.arrivalTimeout)")
    }

    private func dismiss(_ tunnel: Tunnel, _ why: String) {
        note(tunnel, TLSFailure(.handshakeLimit, why))
        TCPSocket.resetOnClose(tunnel.socket)
        fail(tunnel, .handshakeLimit)
    }

    // MARK: What is written

    /// Counts a refused handshake; writes it if its address has not had many.
    func journal(_ record: inout FlowRecord, _ failure: TLSFailure) {
        let address = record.reporter == .destination ? record.sourceAddress : record.endpoint
        let isWritten = handshakes.note(address, failure.reason, now: now)
        record.isUnwritten = !isWritten
        ring.push(record)
        if isWritten { shared.report(failure, record.sourceAddress, 1) }
    }

    /// What was only counted, now and again.
    func writeRemainders() {
        for remainder in handshakes.remainders(now: now) {
            var record = FlowRecord()
            record.start = MonotonicClock.wall()
            record.path = .tunnel
            record.reporter = .destination
            record.ending = .refused
            record.reason = remainder.reason
            record.sourceAddress = remainder.address ?? record.sourceAddress
            record.repeats = UInt32(clamping: remainder.count)
            ring.push(record)
            let whose = remainder.address == nil ? "of other addresses" : "of this address"
            shared.report(
                TLSFailure(remainder.reason, "\(remainder.count) more tunnels \(whose) were refused; this was the last reason"),
                record.sourceAddress, remainder.count)
        }
    }
}
