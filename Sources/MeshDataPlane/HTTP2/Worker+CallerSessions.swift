internal import Glibc
internal import MeshProtocols
internal import MeshRuntime
internal import MeshSystem
internal import MeshTypes

/// Callers' connections that speak HTTP/2: streams begin, their bodies come, their answers go.
extension Worker {
    private static let sessionReads = 16

    /// The first bytes of a caller were HTTP/2's preface: from here on its streams are callers.
    func beginSession(_ handle: SlabHandle, _ caller: UnsafeMutablePointer<Caller>, _ bytes: UnsafeRawBufferPointer) {
        let origin = caller.pointee.origin
        var end = caller.pointee.end
        var early = caller.pointee.input
        callers.remove(handle)
        defer { early.free() }
        guard let slot = callerSessions.reserve() else {
            var record = newRecord(origin)
            return refuse(&end, &record, .overloaded)
        }
        let session = CallerSession(self, slot, origin, socket: end.socket)
        session.end = end
        callerSessions.fill(slot, session)
        // Modifying raises the events that are due already.
        let interest: Poller.Interest = [.readable, .writable, .peerHalfClosed, .edgeTriggered]
        try? poller.modify(end.socket, interest, token: TokenTag.callerSession.token(slot))
        callerSessionDeadlines.schedule(slot, now: now)
        take(session, bytes)
    }

    func callerSessionReady(_ handle: SlabHandle, _ ready: Poller.Interest) {
        guard let session = callerSessions.find(handle)?.pointee else { return }
        if ready.hasFailed { return end(session) }
        session.end.note(ready)
        guard session.end.flush() != nil else { return end(session) }
        // What waited has gone, so that there may be room for more.
        if session.end.pending.isEmpty { markDirty(session) }
        receive(session)
    }

    private func receive(_ session: CallerSession) {
        var turns = Self.sessionReads
        while session.end.isReadable, !session.end.readEnded {
            guard turns > 0 else { return again.append(TokenTag.callerSession.token(session.handle)) }
            turns -= 1
            let count = recv(session.end.socket, scratch.baseAddress, scratch.count, 0)
            if count > 0 {
                if count < scratch.count { session.end.noteShortRead() }
                guard take(session, UnsafeRawBufferPointer(rebasing: scratch[..<count])) else { return }
            } else if count == 0 {
                return end(session)
            } else if errno == EAGAIN {
                session.end.isReadable = false
            } else if errno != EINTR {
                return end(session)
            }
        }
    }

    /// - Returns: false when the session is gone.
    @discardableResult
    private func take(_ session: CallerSession, _ bytes: UnsafeRawBufferPointer) -> Bool {
        let failure = session.http2.receive(bytes, now: now)
        markDirty(session)
        guard failure != nil else { return true }
        // The farewell says why.
        flush(session)
        if callerSessions.find(session.handle) != nil { end(session) }
        return false
    }

    // MARK: Requests

    /// - Returns: the stream's token; 0 when it was answered at once.
    func beginStream(_ session: CallerSession, _ stream: StreamID, _ head: UnsafeRawBufferPointer, ends: Bool) -> UInt64 {
        guard !isDraining, let (handle, caller) = callers.insert(Caller(session.origin, session: session.handle, stream: stream)) else {
            session.http2.reset(stream, .refusedStream)
            return 0
        }
        session.callers += 1
        session.hasAsked = true
        caller.pointee.requestEnded = ends
        guard prepareExchange(handle, caller, head) else { return callers.find(handle) == nil ? 0 : handle.rawValue }
        startExchange(handle, caller)
        return callers.find(handle) == nil ? 0 : handle.rawValue
    }

    func takeRequestBody(_ session: CallerSession, _ handle: SlabHandle, _ bytes: UnsafeRawBufferPointer) {
        // Of a request that was answered nobody takes the rest: the stream gets no credit for more.
        guard let caller = callers.find(handle), caller.pointee.stage == .exchange else {
            return session.http2.consumedConnection(bytes.count)
        }
        caller.pointee.input.append(bytes)
        caller.pointee.exchange.record.sent += UInt64(bytes.count)
        session.http2.consumedConnection(session.backlog.take(bytes.count, waiting: bytes.count))
        wakeEndpoint(caller)
    }

    func requestEnded(_ handle: SlabHandle, _ caller: UnsafeMutablePointer<Caller>) {
        caller.pointee.requestEnded = true
        wakeEndpoint(caller)
    }

    func recordRejected(_ origin: Caller.Origin) {
        var record = newRecord(origin)
        record.ending = .refused
        record.reason = .badRequest
        ring.push(record)
        counters.requests += 1
    }

    // MARK: Answers

    /// Fills a DATA frame from what waits for the stream.
    func pullAnswer(_ session: CallerSession, _ handle: SlabHandle, into buffer: UnsafeMutableRawBufferPointer) -> HTTP2Pull {
        guard let caller = callers.find(handle), case .stream(_, let stream) = caller.pointee.link else { return .reset(.cancel) }
        let count = min(buffer.count, caller.pointee.end.pending.count)
        if count > 0 {
            buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: caller.pointee.end.pending.readable[..<count]))
            caller.pointee.end.pending.consume(count)
            creditEndpoint(caller, count)
        }
        guard caller.pointee.end.finishes, caller.pointee.end.pending.isEmpty else { return count > 0 ? .bytes(count) : .later }
        let hasTrailers = !caller.pointee.trailers.isEmpty
        if hasTrailers { session.http2.trailers(stream, caller.pointee.trailers.readable) }
        if !caller.pointee.requestEnded { session.unfinished.append(stream) }
        removeCaller(handle, caller)
        return hasTrailers ? .lastBeforeTrailers(count) : .last(count)
    }

    func flush(_ session: CallerSession) {
        guard session.end.pending.isEmpty else { return }
        frames.removeAll()
        while session.end.pending.isEmpty, let frame = session.http2.nextOutput() {
            guard frames.add(frame, send: { session.end.write($0) != .failed }) else { return end(session) }
        }
        guard frames.finish(send: { session.end.write($0) != .failed }) else { return end(session) }
        if !session.unfinished.isEmpty {
            for stream in session.unfinished { session.http2.reset(stream, .noError) }
            session.unfinished.removeAll(keepingCapacity: true)
            markDirty(session)
        }
        if session.http2.isFinished, session.end.pending.isEmpty { end(session) }
    }

    /// The connection is over, and with it what its streams asked for.
    func end(_ session: CallerSession) {
        guard callerSessions.find(session.handle) != nil else { return }
        callerSessions.remove(session.handle)
        if session.callers > 0 {
            var orphans: [SlabHandle] = []
            callers.forEach { handle, caller in
                if case .stream(session.handle, _) = caller.pointee.link { orphans.append(handle) }
            }
            for handle in orphans {
                if let caller = callers.find(handle) { abandonCaller(handle, caller) }
            }
        }
        session.end.close()
    }

    /// Once in a while: a caller that leaves us without its window for too long.
    func checkCallerSession(_ handle: SlabHandle) {
        guard let session = callerSessions.find(handle)?.pointee else { return }
        guard session.http2.tick(now: now) == nil else {
            flush(session)
            return end(session)
        }
        guard !endsSilent(session) else { return }
        callerSessionDeadlines.schedule(handle, now: now)
    }

    func markDirty(_ session: CallerSession) {
        guard !session.isDirty else { return }
        session.isDirty = true
        dirtyCallers.append(session.handle)
    }

    func session(of caller: UnsafeMutablePointer<Caller>) -> (CallerSession, StreamID)? {
        guard case .stream(let handle, let stream) = caller.pointee.link, let session = callerSessions.find(handle)?.pointee else {
            return nil
        }
        return (session, stream)
    }
}
