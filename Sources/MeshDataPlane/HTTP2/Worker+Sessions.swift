internal import MeshRuntime
internal import MeshTypes

/// All sessions of HTTP/2 of the worker together.
extension Worker {
    /// A flushed session may give credit to others, which then have something to send.
    func flushSessions() {
        while !dirtyCallers.isEmpty || !dirtyEndpoints.isEmpty {
            let endpoints = dirtyEndpoints
            dirtyEndpoints.removeAll(keepingCapacity: true)
            for handle in endpoints {
                guard let session = endpointSessions.find(handle)?.pointee else { continue }
                session.isDirty = false
                flush(session)
            }
            let callers = dirtyCallers
            dirtyCallers.removeAll(keepingCapacity: true)
            for handle in callers {
                guard let session = callerSessions.find(handle)?.pointee else { continue }
                session.isDirty = false
                flush(session)
            }
        }
    }

    /// Callers are told to send no new requests; those under way go on.
    func drainSessions() {
        callerSessions.forEach { _, session in
            session.pointee.http2.goAway()
            markDirty(session.pointee)
        }
    }

    /// The end of the thread.
    func endSessions() {
        var open: [CallerSession] = []
        callerSessions.forEach { _, session in open.append(session.pointee) }
        for session in open { end(session) }
    }
}
