internal import MeshRuntime
internal import MeshTypes

/// Connections for requests on which none comes. They are closed in order, so that a program that was about to ask learns that nobody took its request.
/// A connection of bytes is never among them: its callee has accepted it, and the two may keep silent for as long as they like.
extension Worker {
    /// To be looked at again when it has been silent for as long as it may; closed if it has.
    func watchSilence(_ handle: SlabHandle, _ caller: UnsafeMutablePointer<Caller>) {
        guard caller.pointee.stage == .head else { return }
        let limit = patience(hasAsked: caller.pointee.freshSince == 0, isBeyondGuarantee: caller.pointee.end.charge.isCommon)
        guard limit != .max else { return }
        let due = max(caller.pointee.freshSince, caller.pointee.idleSince) + limit
        guard now >= due, caller.pointee.end.pending.isEmpty, !caller.pointee.hasUnreadInput else {
            return schedule(handle, caller, at: max(due, now + Self.silencePause))
        }
        counters.silentClosed += 1
        closeCaller(handle, caller)
    }

    /// - Returns: true when it carried no request for as long as it may, and is gone.
    func endsSilent(_ session: CallerSession) -> Bool {
        guard session.callers == 0 else {
            session.silentSince = 0
            return false
        }
        if session.silentSince == 0 { session.silentSince = now }
        let limit = patience(hasAsked: session.hasAsked, isBeyondGuarantee: session.end.charge.isCommon)
        guard limit != .max, now &- session.silentSince >= limit else { return false }
        counters.silentClosed += 1
        session.http2.goAway()
        flush(session)
        if callerSessions.find(session.handle) != nil { end(session) }
        return true
    }

    /// Nanoseconds; `.max` for as long as the caller likes.
    private func patience(hasAsked: Bool, isBeyondGuarantee: Bool) -> UInt64 {
        switch (hasAsked, isBeyondGuarantee) {
        case (false, true): shared.options.silenceBeyondGuarantee.nanoseconds
        case (false, false), (true, true): shared.options.silence.nanoseconds
        case (true, false): .max
        }
    }

    private static let silencePause: UInt64 = 1_000_000_000
}
