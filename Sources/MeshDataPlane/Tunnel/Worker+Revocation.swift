internal import MeshRuntime
internal import MeshSnapshot
internal import MeshTLS
internal import MeshTypes

/// What the authority, or the SPIFFE agent, takes back ends at once, also where it serves already (RFC 5280 §3.3).
extension Worker {
    /// Ends tunnels whose peer, or whose own end, shows a revoked certificate; handshakes go on with the new list.
    func endRevoked(by revoked: RevokedSerials, before: RevokedSerials?) {
        guard before != revoked else { return }
        var ending: [Tunnel] = []
        tunnels.forEach { _, entry in
            let tunnel = entry.pointee
            tunnel.tls.revoked = revoked
            let isOwn = tunnel.credential.map { revoked.contains($0.serial) } ?? false
            if isOwn || tunnel.tls.isPeerRevoked(by: revoked) { ending.append(tunnel) }
        }
        for tunnel in ending {
            counters.tunnelsRevoked += 1
            noteRevoked(tunnel)
            fail(tunnel, .certificateRevoked)
        }
    }

    private func noteRevoked(_ tunnel: Tunnel) {
        let who = tunnel.tls.peer.map { "\($0)" } ?? "a peer"
        note(
            tunnel,
            TLSFailure(
                .certificateRevoked,
                "the tunnel with \(who) ended: a certificate of it was revoked by the authority, or withdrawn by the SPIFFE agent"))
    }
}
