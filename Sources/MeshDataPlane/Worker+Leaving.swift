internal import MeshRuntime
internal import MeshSystem
internal import MeshTypes

/// The way out of a worker whose daemon ends: first its callers and peers are asked to come back on new connections while everything is
/// served on, then (`drainAll`) nothing new is taken.
extension Worker {
    /// Nanoseconds after which a stream of bytes that does not move counts as idle.
    private static let stillness: UInt64 = 1_000_000_000

    func leave() {
        isLeaving = true
        drainSessions()
        var incoming: [Tunnel] = []
        tunnels.forEach { _, tunnel in if !tunnel.pointee.isClient { incoming.append(tunnel.pointee) } }
        for tunnel in incoming { drain(tunnel) }
    }

    /// Nanoseconds within which a new connection is expected to ask something.
    private static let freshness: UInt64 = 1_000_000_000

    /// It was accepted a moment ago, and its first request is on its way.
    private func isFresh(_ caller: UnsafeMutablePointer<Caller>) -> Bool {
        caller.pointee.freshSince != 0 && now &- caller.pointee.freshSince < Self.freshness
    }

    /// Those that ask nothing now. An orderly end: a caller that sends a request just then learns that nobody took it.
    func closeIdleCallers() {
        var idle: [SlabHandle] = []
        callers.forEach { handle, caller in
            guard caller.pointee.stage == .head, caller.pointee.headSince == 0, !caller.pointee.isStream, !isFresh(caller) else { return }
            // What has come already is answered.
            if isQuiet(caller.pointee.end.socket) { idle.append(handle) }
        }
        for handle in idle {
            if let caller = callers.find(handle) { closeCaller(handle, caller) }
        }
    }

    func activity(since: UInt64) -> Activity {
        var activity = Activity()
        callers.forEach { _, caller in
            switch caller.pointee.stage {
            case .exchange: activity.count(busy: true, old: caller.pointee.exchange.started < since)
            case .classifying: activity.count(busy: true, old: false)
            case .head:
                let isAsking = caller.pointee.headSince != 0
                activity.count(busy: isAsking || isFresh(caller), old: isAsking && caller.pointee.headSince < since)
            // Until its last answer has reached it.
            case .closing:
                let isOwed = !caller.pointee.end.pending.isEmpty || TCPSocket.unacknowledged(caller.pointee.end.socket) > 0
                activity.count(busy: isOwed, old: false)
            }
        }
        flows.forEach { _, flow in
            // Connections that requests are sent on are counted by the requests.
            guard flow.pointee.upstream == .none, !flow.pointee.ends else { return }
            activity.count(busy: isMoving(flow), old: flow.pointee.started < since)
        }
        return activity
    }

    private func isMoving(_ flow: UnsafeMutablePointer<Flow>) -> Bool {
        guard flow.pointee.stage == .relaying else { return flow.pointee.stage == .connecting }
        let moved = flow.pointee.record.sent &+ flow.pointee.record.received
        if moved != flow.pointee.observed {
            flow.pointee.observed = moved
            flow.pointee.observedAt = now
        }
        return flow.pointee.awaitsAnswer || now &- flow.pointee.observedAt < Self.stillness
    }
}
