internal import MeshRuntime
internal import MeshTLS
internal import MeshTypes

/// A tunnel lives no longer than the certificates of its two ends (R1.3).
extension Worker {
    /// Nanoseconds between two looks at the wall clock. Looking again and again, in place of a timer, follows a clock that is set.
    private static let expiryCheck: UInt64 = 250_000_000

    /// Since the epoch.
    var wallMilliseconds: Int64 { Int64(MonotonicClock.wall() / 1_000_000) }

    func expireTunnels() {
        guard now &- expiryLookedAt >= Self.expiryCheck else { return }
        expiryLookedAt = now
        let wall = wallMilliseconds
        var due: [Tunnel] = []
        tunnels.forEach { _, entry in
            if entry.pointee.stage == .open, entry.pointee.validity.needsCare(wall) { due.append(entry.pointee) }
        }
        for tunnel in due where tunnel.stage == .open {
            if tunnel.validity.isOver(wall) { endExpired(tunnel) } else { leaveGently(tunnel) }
        }
    }

    private func endExpired(_ tunnel: Tunnel) {
        let who = tunnel.tls.peer.map { "\($0)" } ?? "a peer"
        endTrust(
            in: tunnel,
            TLSFailure(.certificateExpired, "the tunnel with \(who) ended with a certificate of its two ends: see whether both nodes renew")
        )
    }
}
