internal import MeshRuntime
internal import MeshSnapshot
internal import MeshTLS
internal import MeshTypes

/// Tunnels under rules, records and authorities that changed.
extension Worker {
    /// Of tunnels fewer are looked at in one turn than of flows: after a change of root each costs a check of signatures.
    static let tunnelsPerTurn = 16

    func reviewTunnels(_ positions: Range<Int>, _ snapshot: Snapshot) {
        var open: [Tunnel] = []
        tunnels.forEach(in: positions) { _, entry in if entry.pointee.stage == .open { open.append(entry.pointee) } }
        for tunnel in open where tunnel.stage == .open {
            guard stillTrusts(tunnel, snapshot) else { continue }
            if let key = tunnel.key { reviewOutgoing(tunnel, key, snapshot) } else { reviewIncoming(tunnel, snapshot) }
        }
    }

    /// The caller's end: it moves on when its own certificate was renewed, when nobody may use it, and when the registry has no endpoint behind it.
    private func reviewOutgoing(_ tunnel: Tunnel, _ key: TunnelKey, _ snapshot: Snapshot) {
        guard snapshot.credential(key.source) === tunnel.credential,
            case .permitted = authorise(from: key.source, to: key.destination, in: snapshot)
        else { return leaveGently(tunnel) }
        guard let service = snapshot.service(key.destination) else { return }
        if (service.endpoints + service.resting).contains(where: { $0.tunnel == key.peer }) {
            tunnel.orphanedSince = 0
        } else if hasDeparted(&tunnel.orphanedSince) {
            endTrust(
                in: tunnel,
                TLSFailure(.permitWithdrawn, "the registry no longer places \(service.identity) behind \(key.peer): the tunnel to it ended")
            )
        } else {
            leaveGently(tunnel)
        }
    }

    /// The callee's end: a peer that is no service of the mesh any more has no business here.
    private func reviewIncoming(_ tunnel: Tunnel, _ snapshot: Snapshot) {
        guard let peer = tunnel.tls.peer else { return }
        let known = snapshot.identifier(peer.service) ?? .none
        if known == .none, tunnel.peer != .none {
            let failure = TLSFailure(.peerIdentity, "the registry no longer names \(peer.service): the tunnel with \(peer) ended")
            return endTrust(in: tunnel, failure)
        }
        tunnel.peer = known
        if case .refused = authorise(from: tunnel.peer, to: tunnel.local, in: snapshot) { endFeed(tunnel) }
    }

    /// After a change of authorities the peer's chain must lead to one of those that are left. - Returns: false when the tunnel is gone.
    private func stillTrusts(_ tunnel: Tunnel, _ snapshot: Snapshot) -> Bool {
        guard let trust = snapshot.credential(tunnel.key?.source ?? tunnel.local)?.trust, trust !== tunnel.trust else { return true }
        if let before = tunnel.trust, !trust.lacksAny(of: before) {
            tunnel.trust = trust
            return true
        }
        if let failure = tunnel.tls.verifyPeerAgain(trust: trust) {
            endTrust(in: tunnel, failure)
            return false
        }
        tunnel.trust = trust
        return true
    }

    /// No new streams; what is under way ends by itself, and what nobody uses ends now.
    func leaveGently(_ tunnel: Tunnel) {
        guard !tunnel.isDraining else { return }
        drain(tunnel)
        if tunnel.isClient { endUnusedUpstreams(in: tunnel) }
    }

    /// The tunnel ends with everything in it, and the log says why.
    func endTrust(in tunnel: Tunnel, _ failure: TLSFailure) {
        note(tunnel, failure)
        fail(tunnel, failure.reason)
    }
}
