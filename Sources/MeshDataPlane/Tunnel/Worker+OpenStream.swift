internal import Glibc
internal import MeshProtocols
internal import MeshRuntime
internal import MeshSnapshot
internal import MeshSystem
internal import MeshTLS
internal import MeshTypes

/// The caller's node: a stream in the shared tunnel to the endpoint's node.
extension Worker {
    /// - Parameter permit: no stream is opened without one.
    func openStream(
        _ handle: SlabHandle, _ flow: UnsafeMutablePointer<Flow>, _ permit: Permit, _ endpoint: Endpoint,
        _ service: SnapshotService, _ snapshot: Snapshot
    ) {
        guard let credential = snapshot.credential(permit.source) else { return attemptFailed(handle, flow, .noCertificate) }
        let key = TunnelKey(source: permit.source, destination: permit.destination, peer: endpoint.tunnel)
        switch lease(key, credential, service.identity) {
        case .failed(let reason): attemptFailed(handle, flow, reason)
        case .tunnel(let tunnel):
            guard tunnel.streams + tunnel.waiting.count < Tunnel.maximumWaiting else {
                return attemptFailed(handle, flow, .overloaded)
            }
            flow.pointee.tunnel = tunnel.handle
            flow.pointee.streamEnded = false
            if tunnel.session?.canOpen == true { startStream(handle, flow, tunnel) } else { tunnel.waiting.append(handle) }
        }
    }

    private enum Lease {
        case tunnel(Tunnel)
        /// `overloaded` for what this node lacks: the endpoint must not be blamed for it.
        case failed(DenialReason)
    }

    /// The pooled tunnel if it still takes streams, else a new one.
    private func lease(_ key: TunnelKey, _ credential: TLSCredential, _ service: ServiceIdentity) -> Lease {
        if let handle = pool[key], let tunnel = tunnels.find(handle)?.pointee {
            let isCurrent = tunnel.credential === credential
            if !isCurrent || tunnel.validity.isOver(wallMilliseconds) { leaveGently(tunnel) }
            if !tunnel.isDraining, tunnel.hasRoom { return .tunnel(tunnel) }
            pool[key] = nil
        }
        return connect(key, credential, service)
    }

    private func connect(_ key: TunnelKey, _ credential: TLSCredential, _ service: ServiceIdentity) -> Lease {
        let socket = TCPSocket.open(isV4: key.peer.ip.isV4)
        guard socket >= 0 else { return .failed(.overloaded) }
        guard TCPSocket.connect(socket, to: key.peer) == 0 || errno == EINPROGRESS else {
            close(socket)
            counters.tunnelsFailed += 1
            return .failed(.tunnelFailed)
        }
        let tls = TLSSession.connecting(as: credential, to: service.serverName, expecting: service)
        tls.revoked = snapshot?.revoked ?? .none
        guard let tunnel = register(socket, tls, key, credential) else { return .failed(.overloaded) }
        pool[key] = tunnel.handle
        return .tunnel(tunnel)
    }

    /// Starts the streams that wait for the tunnel, as many as it takes. The rest waits until the peer has said how many it permits; what
    /// is over that moves to another tunnel. All of this is this node's queue, so no endpoint is judged by it.
    func startWaiting(_ tunnel: Tunnel) {
        guard !tunnel.waiting.isEmpty, let session = tunnel.session else { return }
        let waiting = tunnel.waiting
        tunnel.waiting = []
        for (index, handle) in waiting.enumerated() {
            guard let flow = flows.find(handle), flow.pointee.tunnel == tunnel.handle, flow.pointee.stream == 0 else { continue }
            guard session.canOpen else {
                if session.knowsPeerLimit { return move(waiting[index...], from: tunnel) }
                tunnel.waiting = Array(waiting[index...])
                return
            }
            startStream(handle, flow, tunnel)
        }
    }

    private func move(_ waiting: ArraySlice<SlabHandle>, from tunnel: Tunnel) {
        for handle in waiting {
            guard let flow = flows.find(handle), flow.pointee.tunnel == tunnel.handle, flow.pointee.stream == 0 else { continue }
            flow.pointee.tunnel = .none
            // A peer that takes no stream at all would be dialled again and again.
            guard tunnel.streams > 0, let key = tunnel.key, let snapshot, let service = snapshot.service(key.destination),
                let credential = snapshot.credential(key.source)
            else {
                attemptFailed(handle, flow, .tunnelFailed)
                continue
            }
            switch lease(key, credential, service.identity) {
            case .failed(let reason): attemptFailed(handle, flow, reason)
            case .tunnel(let next):
                flow.pointee.tunnel = next.handle
                next.waiting.append(handle)
            }
        }
    }

    /// Puts a new tunnel into its slab and the poller; nil (and the socket closed) at the limit.
    func register(
        _ socket: Int32, _ tls: consuming TLSSession, _ key: TunnelKey?, _ credential: TLSCredential?
    ) -> Tunnel? {
        let place = key == nil ? TunnelPlaces.Place.none : places.takeOwn()
        guard let place, let handle = tunnels.reserve() else {
            if let place { places.leave(place) }
            close(socket)
            return nil
        }
        let tunnel = Tunnel(worker: self, handle: handle, socket: socket, tls: tls, key: key, credential: credential)
        tunnel.place = place
        tunnels.fill(handle, tunnel)
        if key != nil { handshakeDeadlines.schedule(handle, now: now) }
        watch(socket, .tunnel, handle)
        return tunnel
    }

    /// The tunnel is up: the CONNECT goes out with the next flush.
    func startStream(_ handle: SlabHandle, _ flow: UnsafeMutablePointer<Flow>, _ tunnel: Tunnel) {
        guard let session = tunnel.session else { return attemptFailed(handle, flow, .tunnelFailed) }
        let record = flow.pointee.record
        let request = ConnectRequest(
            authority: record.endpoint, source: snapshot?.service(record.source)?.identity,
            forwardedFor: record.sourceAddress.port == 0 ? nil : record.sourceAddress, forwardedBy: snapshot?.node.tunnel)
        guard let stream = session.openStream(request, token: handle.rawValue) else {
            return attemptFailed(handle, flow, .overloaded)
        }
        flow.pointee.stream = stream.rawValue
        tunnel.streams += 1
        tunnel.lastUsed = now
        markDirty(tunnel)
    }

    /// The flow has nothing more to do with its tunnel; a stream that is still open is reset.
    func leaveTunnel(_ flow: UnsafeMutablePointer<Flow>) {
        let handle = flow.pointee.tunnel
        guard handle != .none else { return }
        flow.pointee.tunnel = .none
        guard let tunnel = tunnels.find(handle)?.pointee else { return }
        releaseBacklog(tunnel, flow.pointee.near.pending.count)
        guard flow.pointee.stream != 0 else { return }
        if let session = tunnel.session {
            let stream = StreamID(rawValue: flow.pointee.stream)
            if flow.pointee.streamEnded {
                // The flow's next attempt has the same token.
                session.disown(stream)
            } else {
                session.reset(stream, .connectError)
                markDirty(tunnel)
            }
        }
        flow.pointee.stream = 0
        tunnel.streams -= 1
        tunnel.lastUsed = now
    }
}
