internal import Glibc
internal import MeshProtocols
internal import MeshRuntime
internal import MeshSystem
internal import MeshTypes

/// The connections of callers to services that speak HTTP: heads and bodies in, answers out.
extension Worker {
    /// Nanoseconds that the head of a request may take once it has begun.
    private static let headTimeout: UInt64 = 10_000_000_000
    /// Nanoseconds that a caller has to close a connection on which nothing more is answered.
    private static let closingTimeout: UInt64 = 2_000_000_000
    /// Reads per caller and event, so that one does not hold the worker.
    private static let callerReads = 16

    /// The flow was permitted and its service speaks HTTP, or may: from here on its requests are carried one by one.
    func beginCaller(_ handle: SlabHandle, _ flow: UnsafeMutablePointer<Flow>, isDeclared: Bool) {
        var record = flow.pointee.record
        var near = flow.pointee.near
        let origin = Caller.Origin(
            source: record.source, workload: record.workload, sourceAddress: record.sourceAddress,
            destinationAddress: record.destinationAddress, destination: record.destination, named: flow.pointee.named)
        flows.remove(handle)
        guard let (caller, pointer) = callers.insert(Caller(origin, near)) else { return refuse(&near, &record, .overloaded) }
        if !isDeclared {
            pointer.pointee.stage = .classifying
            schedule(caller, pointer, at: now + Self.sniffTimeout)
        }
        pointer.pointee.freshSince = now
        watchSilence(caller, pointer)
        watch(near.socket, .caller, caller)
    }

    func callerReady(_ handle: SlabHandle, _ ready: Poller.Interest) {
        guard let caller = callers.find(handle) else { return }
        if ready.hasFailed { return abandonCaller(handle, caller) }
        caller.pointee.end.note(ready)
        guard flushCaller(handle, caller) else { return }
        pumpCaller(handle)
    }

    /// Goes on with the caller at the end of the batch.
    func resume(_ handle: SlabHandle, _ caller: UnsafeMutablePointer<Caller>) {
        guard !caller.pointee.isResumed else { return }
        caller.pointee.isResumed = true
        resumed.append(handle)
    }

    func pumpResumed() {
        while !resumed.isEmpty {
            let batch = resumed
            resumed.removeAll(keepingCapacity: true)
            for handle in batch {
                callers.find(handle)?.pointee.isResumed = false
                pumpCaller(handle)
            }
        }
    }

    /// Does what there is to do with the bytes that have come, until there are none or something must be awaited.
    func pumpCaller(_ handle: SlabHandle) {
        for _ in 0..<Self.callerReads {
            guard let caller = callers.find(handle), case .socket = caller.pointee.link else { return }
            let goesOn =
                switch caller.pointee.stage {
                case .classifying: classify(handle, caller)
                case .head: readHead(handle, caller)
                case .exchange: feedBody(handle, caller)
                case .closing: discard(handle, caller)
                }
            guard goesOn else { return }
        }
        if let caller = callers.find(handle) { resume(handle, caller) }
    }

    // MARK: Heads

    /// - Returns: whether there may be more to do at once.
    private func readHead(_ handle: SlabHandle, _ caller: UnsafeMutablePointer<Caller>) -> Bool {
        // The next request starts when the caller has taken the last answer: that bounds what waits for it.
        guard caller.pointee.end.pending.isEmpty else { return false }
        if caller.pointee.hasUnreadInput { return parseHead(handle, caller, caller.pointee.input.readable, isQueued: true) }
        guard let bytes = receive(handle, caller) else { return false }
        if caller.pointee.input.isEmpty { return parseHead(handle, caller, bytes, isQueued: false) }
        caller.pointee.input.append(bytes)
        return parseHead(handle, caller, caller.pointee.input.readable, isQueued: true)
    }

    /// - Parameter isQueued: the bytes are those of the caller's `input`.
    private func parseHead(
        _ handle: SlabHandle, _ caller: UnsafeMutablePointer<Caller>, _ bytes: UnsafeRawBufferPointer, isQueued: Bool
    ) -> Bool {
        if !caller.pointee.isVersionKnown {
            switch FirstBytes.version(bytes) {
            case .http2:
                beginSession(handle, caller, bytes)
                return false
            case .undecided: return awaitHead(handle, caller, bytes, isQueued: isQueued, skipping: 0)
            case .http1, .other: caller.pointee.isVersionKnown = true
            }
        }
        let start = caller.pointee.scanner.isFresh ? caller.pointee.emptyLines.skip(bytes) : 0
        let message = UnsafeRawBufferPointer(rebasing: bytes[start...])
        switch caller.pointee.scanner.scan(message) {
        case .incomplete:
            return awaitHead(handle, caller, bytes, isQueued: isQueued, skipping: start)
        case .refused(let refusal):
            refuseMessage(handle, caller, refusal)
            return false
        case .complete(let length):
            caller.pointee.scanner = HeadScanner()
            caller.pointee.emptyLines = EmptyLines()
            caller.pointee.headSince = 0
            caller.pointee.freshSince = 0
            let head = UnsafeRawBufferPointer(rebasing: message[..<length])
            guard prepareExchange(handle, caller, head) else { return false }
            if isQueued {
                caller.pointee.input.consume(start + length)
            } else {
                caller.pointee.input.append(UnsafeRawBufferPointer(rebasing: message[length...]))
            }
            caller.pointee.hasUnreadInput = !caller.pointee.input.isEmpty
            startExchange(handle, caller)
            return true
        }
    }

    /// The head goes on, within bounds of time. - Returns: whether more may have come already.
    private func awaitHead(
        _ handle: SlabHandle, _ caller: UnsafeMutablePointer<Caller>, _ bytes: UnsafeRawBufferPointer, isQueued: Bool, skipping start: Int
    ) -> Bool {
        if isQueued {
            caller.pointee.input.consume(start)
        } else {
            caller.pointee.input.append(UnsafeRawBufferPointer(rebasing: bytes[start...]))
        }
        caller.pointee.hasUnreadInput = false
        if caller.pointee.headSince == 0, bytes.count > start {
            caller.pointee.headSince = now
            schedule(handle, caller, at: now + Self.headTimeout)
        }
        return caller.pointee.end.isReadable
    }

    /// What the socket has; nil when there is nothing now, or the caller has gone and been dealt with.
    private func receive(_ handle: SlabHandle, _ caller: UnsafeMutablePointer<Caller>) -> UnsafeRawBufferPointer? {
        guard caller.pointee.end.isReadable, !caller.pointee.end.readEnded else { return nil }
        while true {
            let count = recv(caller.pointee.end.socket, scratch.baseAddress, scratch.count, 0)
            if count > 0 {
                if count < scratch.count { caller.pointee.end.noteShortRead() }
                return UnsafeRawBufferPointer(rebasing: scratch[..<count])
            }
            if count < 0, errno == EINTR { continue }
            if count < 0, errno == EAGAIN {
                caller.pointee.end.isReadable = false
                return nil
            }
            caller.pointee.end.readEnded = true
            if count < 0 || caller.pointee.stage == .exchange {
                abandonCaller(handle, caller)
            } else if caller.pointee.end.pending.isEmpty {
                // Between requests nothing is lost; within a head it was never a request.
                removeCaller(handle, caller)
            }
            return nil
        }
    }

    // MARK: Bodies

    private func feedBody(_ handle: SlabHandle, _ caller: UnsafeMutablePointer<Caller>) -> Bool {
        guard caller.pointee.exchange.stage == .sent || caller.pointee.exchange.stage == .answering, !caller.pointee.exchange.body.hasEnded,
            let flow = flows.find(caller.pointee.exchange.upstream), takesMore(flow)
        else { return false }
        if !caller.pointee.input.isEmpty {
            guard let taken = passOn(handle, caller, flow, caller.pointee.input.readable) else { return false }
            caller.pointee.input.consume(taken)
            caller.pointee.hasUnreadInput = !caller.pointee.input.isEmpty
            return true
        }
        guard let bytes = receive(handle, caller) else { return false }
        guard let taken = passOn(handle, caller, flow, bytes) else { return false }
        caller.pointee.input.append(UnsafeRawBufferPointer(rebasing: bytes[taken...]))
        caller.pointee.hasUnreadInput = taken < bytes.count
        return true
    }

    /// - Returns: how many of the bytes belonged to the body; nil when the exchange is over.
    private func passOn(
        _ handle: SlabHandle, _ caller: UnsafeMutablePointer<Caller>, _ flow: UnsafeMutablePointer<Flow>, _ bytes: UnsafeRawBufferPointer
    ) -> Int? {
        var body = caller.pointee.exchange.body
        var isWritten = true
        let outcome = body.take(bytes) { part in
            caller.pointee.exchange.keep(part)
            if isWritten { isWritten = write(part, to: flow) }
        }
        caller.pointee.exchange.body = body
        switch outcome {
        case .failure(let refusal):
            dropUpstream(caller)
            if caller.pointee.exchange.stage == .answering {
                abandonCaller(handle, caller)
            } else {
                refuseMessage(handle, caller, refusal)
            }
            return nil
        case .success(let count):
            caller.pointee.exchange.record.sent += UInt64(count)
            guard isWritten else {
                upstreamLost(caller.pointee.exchange.upstream, flow, .endpointClosed)
                return nil
            }
            if caller.pointee.exchange.body.hasEnded { copyIfDrawn(caller) }
            return count
        }
    }

    // MARK: Answers

    /// Writes what waits for the caller. - Returns: false when the caller is gone.
    private func flushCaller(_ handle: SlabHandle, _ caller: UnsafeMutablePointer<Caller>) -> Bool {
        guard !caller.pointee.end.pending.isEmpty else { return true }
        guard let written = caller.pointee.end.flush() else {
            abandonCaller(handle, caller)
            return false
        }
        credit(caller.pointee.exchange.upstream, written)
        caller.pointee.end.finishIfDue()
        guard caller.pointee.end.pending.isEmpty else { return true }
        if caller.pointee.stage == .exchange { readUpstream(caller.pointee.exchange.upstream) }
        if let caller = callers.find(handle), caller.pointee.stage == .closing, caller.pointee.end.readEnded {
            removeCaller(handle, caller)
        }
        return callers.find(handle) != nil
    }

    /// - Returns: false when the caller is gone.
    func write(_ bytes: UnsafeRawBufferPointer, toCaller handle: SlabHandle, _ caller: UnsafeMutablePointer<Caller>) -> Bool {
        caller.pointee.exchange.record.received += UInt64(bytes.count)
        guard !caller.pointee.isCopy else { return ignore(handle, caller) }
        guard caller.pointee.end.write(bytes) != .failed else {
            abandonCaller(handle, caller)
            return false
        }
        return true
    }

    // MARK: Endings

    /// Nothing more is answered: a FIN after what waits, and what still comes is thrown away for a while. A close with unread bytes would be a
    /// reset, which takes the last answer with it.
    func closeCaller(_ handle: SlabHandle, _ caller: UnsafeMutablePointer<Caller>) {
        caller.pointee.stage = .closing
        caller.pointee.input.free()
        caller.pointee.hasUnreadInput = false
        caller.pointee.end.finishes = true
        caller.pointee.end.finishIfDue()
        // The same clock as that of a head.
        caller.pointee.headSince = now
        schedule(handle, caller, at: now + Self.closingTimeout)
        resume(handle, caller)
    }

    private func discard(_ handle: SlabHandle, _ caller: UnsafeMutablePointer<Caller>) -> Bool { receive(handle, caller) != nil }

    /// The caller broke off: so does its request.
    func abandonCaller(_ handle: SlabHandle, _ caller: UnsafeMutablePointer<Caller>) {
        if caller.pointee.stage == .exchange {
            dropUpstream(caller)
            endExchange(caller, .reset, .reset)
        }
        breakOff(handle, caller)
    }

    /// Ends the caller's connection or stream by a reset.
    func breakOff(_ handle: SlabHandle, _ caller: UnsafeMutablePointer<Caller>) {
        if let (session, stream) = session(of: caller) {
            session.http2.reset(stream, .cancel)
            markDirty(session)
        } else {
            caller.pointee.end.abort()
        }
        removeCaller(handle, caller)
    }

    func removeCaller(_ handle: SlabHandle, _ caller: UnsafeMutablePointer<Caller>) {
        if let (session, _) = session(of: caller) {
            session.callers -= 1
            session.http2.consumedConnection(session.backlog.release(caller.pointee.input.count))
        }
        caller.pointee.free()
        caller.pointee.end.close()
        callers.remove(handle)
    }

    // MARK: Time

    func schedule(_ handle: SlabHandle, _ caller: UnsafeMutablePointer<Caller>, at due: UInt64) {
        // Without a deadline there is nothing to wake for.
        guard due != .max, caller.pointee.timerAt == 0 || due < caller.pointee.timerAt else { return }
        caller.pointee.timerAt = due
        timers.schedule(handle, at: due)
    }

    func callerTimer(_ handle: SlabHandle, _ due: UInt64) {
        // An entry that an earlier one has overtaken.
        guard let caller = callers.find(handle), caller.pointee.timerAt == due else { return }
        caller.pointee.timerAt = 0
        switch caller.pointee.stage {
        case .classifying: becomeBytes(handle, caller)
        case .head:
            guard caller.pointee.headSince != 0 else { return watchSilence(handle, caller) }
            let end = caller.pointee.headSince + Self.headTimeout
            if now >= end { removeCaller(handle, caller) } else { schedule(handle, caller, at: end) }
        case .closing where caller.pointee.isStream: return
        case .closing:
            // The time runs from when the caller has all that was for it.
            if !caller.pointee.end.pending.isEmpty { caller.pointee.headSince = now }
            let end = caller.pointee.headSince + Self.closingTimeout
            if now >= end { removeCaller(handle, caller) } else { schedule(handle, caller, at: end) }
        case .exchange: exchangeTimer(handle, caller)
        }
    }
}

extension Exchange {
    /// Keeps a part of the body for another attempt, as long as it is not too much.
    mutating func keep(_ part: UnsafeRawBufferPointer) {
        guard isReplayable else { return }
        if replay.count + part.count > Self.replayLimit {
            isReplayable = false
            replay.free()
        } else {
            replay.append(part)
        }
    }
}
