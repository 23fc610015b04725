internal import MeshProtocols
internal import MeshRouting
internal import MeshRuntime
internal import MeshTelemetry
internal import MeshTypes

/// Answers on their way to callers: those of endpoints, and the mesh's own.
extension Worker {
    /// Bytes of a body that go out together with its head.
    private static let gathered = 16 << 10

    /// Bytes that an endpoint sent.
    func takeAnswer(_ handle: SlabHandle, _ flow: UnsafeMutablePointer<Flow>, _ bytes: UnsafeRawBufferPointer) {
        var rest = bytes
        while !rest.isEmpty {
            guard let flow = flows.find(handle), let upstream = upstreams.find(flow.pointee.upstream) else { return }
            let callerHandle = upstream.pointee.caller
            guard let caller = callers.find(callerHandle), caller.pointee.exchange.upstream == handle else {
                // Nobody asked for anything.
                return closeUpstream(handle, flow)
            }
            if upstream.pointee.body != nil {
                let used = passOn(rest, handle, flow, upstream, callerHandle, caller)
                rest = UnsafeRawBufferPointer(rebasing: rest[used...])
            } else if upstream.pointee.input.isEmpty {
                let used = takeHead(rest, handle, flow, upstream, callerHandle, caller)
                guard used > 0 else { return upstream.pointee.input.append(rest) }
                rest = UnsafeRawBufferPointer(rebasing: rest[used...])
            } else {
                upstream.pointee.input.append(rest)
                var whole = upstream.pointee.input
                upstream.pointee.input = ByteQueue()
                defer { whole.free() }
                // What was there is part of a head, so at most this one level down.
                return takeAnswer(handle, flow, whole.readable)
            }
        }
    }

    /// The head of an answer, if it is whole. - Returns: the bytes used; 0 when more must come. After a failure all count as used.
    private func takeHead(
        _ bytes: UnsafeRawBufferPointer, _ handle: SlabHandle, _ flow: UnsafeMutablePointer<Flow>,
        _ upstream: UnsafeMutablePointer<Upstream>, _ callerHandle: SlabHandle, _ caller: UnsafeMutablePointer<Caller>
    ) -> Int {
        let length: Int
        switch upstream.pointee.scanner.scan(bytes) {
        case .incomplete: return 0
        case .refused:
            upstreamLost(handle, flow, .badResponse)
            return bytes.count
        case .complete(let found): length = found
        }
        upstream.pointee.scanner = HeadScanner()
        let head = UnsafeRawBufferPointer(rebasing: bytes[..<length])
        guard case .success(let response) = ResponseHead.parse(head, answering: caller.pointee.exchange.method, into: &fields),
            // HTTP/1.0 knows no chunks, and it was asked in HTTP/1.0.
            !caller.pointee.exchange.isOldVersion || response.body != .chunked
        else {
            upstreamLost(handle, flow, .badResponse)
            return bytes.count
        }
        if response.isInterim {
            guard response.status == 101 else {
                interim(response, head, callerHandle, caller)
                return length
            }
            let following = UnsafeRawBufferPointer(rebasing: bytes[length...])
            changeProtocol(response, head, following, handle, flow, callerHandle, caller)
            return bytes.count
        }
        let following = UnsafeRawBufferPointer(rebasing: bytes[length...])
        // What came with the head and is no body makes it a bad answer while the caller can still be told.
        var start = BodyProgress(response.body)
        if case .failure = start.take(Self.first(of: following)) {
            upstreamLost(handle, flow, .badResponse)
            return bytes.count
        }
        guard accepts(response, head, callerHandle, caller, isWhole: true) else { return bytes.count }
        upstream.pointee.body = BodyProgress(response.body)
        upstream.pointee.keepsAlive = response.keepsAlive && !caller.pointee.exchange.isOldVersion
        let closes = closesAfter(response, caller)
        HeadRewriting.response(
            response, fields, head, closes: closes, keepsOldVersionAlive: caller.pointee.exchange.isOldVersion,
            EncodedHeaderChanges(caller.pointee.exchange.answerChanges.readable), to: &writer)
        caller.pointee.exchange.keepsAlive = !closes
        return length + finishHead(following, handle, flow, upstream, callerHandle, caller)
    }

    /// The final head of an answer came: what it says of the endpoint, and that there is no way back.
    ///
    /// - Parameter isWhole: how it went is known; of gRPC's answers the trailers tell.
    /// - Returns: false when another attempt takes its place.
    func accepts(
        _ response: ResponseHead, _ head: UnsafeRawBufferPointer, _ handle: SlabHandle, _ caller: UnsafeMutablePointer<Caller>,
        isWhole: Bool
    ) -> Bool {
        let latency = now &- caller.pointee.exchange.ticket.taken
        let hasFailed = response.status >= 500
        if !caller.pointee.exchange.isGRPC || hasFailed {
            judge(
                &caller.pointee.exchange.ticket, of: caller.pointee.origin.destination, hasFailed ? .failed : .succeeded, latency: latency)
        }
        if retriesInstead(of: response, head, handle, caller) { return false }
        caller.pointee.exchange.latency = latency
        caller.pointee.exchange.stage = .answering
        caller.pointee.exchange.record.reason = .none
        caller.pointee.exchange.record.request.status = UInt16(response.status)
        forgoCopy(caller)
        caller.pointee.exchange.replay.free()
        caller.pointee.exchange.isReplayable = false
        return true
    }

    private static func first(of following: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: following.prefix(gathered))
    }

    /// The head, and the start of the body if it has come, in one write. - Returns: the bytes of `following` that were used.
    private func finishHead(
        _ following: UnsafeRawBufferPointer, _ handle: SlabHandle, _ flow: UnsafeMutablePointer<Flow>,
        _ upstream: UnsafeMutablePointer<Upstream>, _ callerHandle: SlabHandle, _ caller: UnsafeMutablePointer<Caller>
    ) -> Int {
        guard case .success(let used)? = upstream.pointee.body?.take(Self.first(of: following), { writer.append($0) }) else {
            upstreamLost(handle, flow, .badResponse)
            return following.count
        }
        guard write(writer.bytes, toCaller: callerHandle, caller) else { return following.count }
        return finishAnswerIfDue(handle, flow, upstream, callerHandle, caller, hasMore: used < following.count) ? used : following.count
    }

    /// A part of a body. - Returns: the bytes used.
    private func passOn(
        _ bytes: UnsafeRawBufferPointer, _ handle: SlabHandle, _ flow: UnsafeMutablePointer<Flow>,
        _ upstream: UnsafeMutablePointer<Upstream>, _ callerHandle: SlabHandle, _ caller: UnsafeMutablePointer<Caller>
    ) -> Int {
        guard var body = upstream.pointee.body else { return bytes.count }
        var isOpen = true
        let outcome = body.take(bytes) { if isOpen { isOpen = write($0, toCaller: callerHandle, caller) } }
        // With the caller its connection to the endpoint has gone.
        guard isOpen else { return bytes.count }
        upstream.pointee.body = body
        guard case .success(let count) = outcome else {
            upstreamLost(handle, flow, .badResponse)
            return bytes.count
        }
        return finishAnswerIfDue(handle, flow, upstream, callerHandle, caller, hasMore: count < bytes.count) ? count : bytes.count
    }

    /// - Parameter hasMore: bytes came after the answer's end; such a connection is not used again.
    /// - Returns: false when the answer is complete, and with it what this connection has to say.
    private func finishAnswerIfDue(
        _ handle: SlabHandle, _ flow: UnsafeMutablePointer<Flow>, _ upstream: UnsafeMutablePointer<Upstream>, _ callerHandle: SlabHandle,
        _ caller: UnsafeMutablePointer<Caller>, hasMore: Bool
    ) -> Bool {
        guard upstream.pointee.body?.hasEnded == true else { return true }
        caller.pointee.exchange.upstream = .none
        let isSent = caller.pointee.exchange.body.hasEnded
        let closes = !caller.pointee.exchange.keepsAlive || !isSent
        releaseUpstream(handle, flow, keeps: upstream.pointee.keepsAlive && isSent && !hasMore)
        completeExchange(callerHandle, caller, closes: closes)
        return false
    }

    /// The caller's connection ends with the answer when either side wants it so, when only the end delimits it, or when the answer came
    /// before the request was whole.
    private func closesAfter(_ response: ResponseHead, _ caller: UnsafeMutablePointer<Caller>) -> Bool {
        !caller.pointee.exchange.keepsAlive || response.body == .untilClose || !caller.pointee.exchange.body.hasEnded || isLeaving
    }

    private func interim(
        _ response: ResponseHead, _ head: UnsafeRawBufferPointer, _ callerHandle: SlabHandle, _ caller: UnsafeMutablePointer<Caller>
    ) {
        // HTTP/1.0 knows no interim answers (RFC 9110 §15.2).
        guard !caller.pointee.exchange.isOldVersion else { return }
        HeadRewriting.response(response, fields, head, closes: false, keepsOldVersionAlive: false, to: &writer)
        _ = write(writer.bytes, toCaller: callerHandle, caller)
    }

    /// 101: from here on the connection is no longer HTTP/1.1. It goes on as a flow of bytes, without the request's deadline.
    private func changeProtocol(
        _ response: ResponseHead, _ head: UnsafeRawBufferPointer, _ following: UnsafeRawBufferPointer, _ handle: SlabHandle,
        _ flow: UnsafeMutablePointer<Flow>, _ callerHandle: SlabHandle, _ caller: UnsafeMutablePointer<Caller>
    ) {
        guard caller.pointee.exchange.asksUpgrade, response.namesProtocol,
            UpgradeOffer.covers(caller.pointee.exchange.head.readable, fields, head)
        else { return upstreamLost(handle, flow, .badResponse) }
        HeadRewriting.response(response, fields, head, closes: false, keepsOldVersionAlive: false, to: &writer)
        caller.pointee.exchange.record.request.status = 101
        guard write(writer.bytes, toCaller: callerHandle, caller), write(following, toCaller: callerHandle, caller) else { return }
        becomeFlow(handle, flow, callerHandle, caller)
    }

    // MARK: The mesh's own answers

    /// Refuses what is no request. The connection ends: what follows on it cannot be told apart.
    func refuseMessage(_ handle: SlabHandle, _ caller: UnsafeMutablePointer<Caller>, _ refusal: HTTPRefusal) {
        if caller.pointee.stage != .exchange {
            caller.pointee.stage = .exchange
            caller.pointee.exchange = Exchange()
            caller.pointee.exchange.started = now
            caller.pointee.exchange.record = newRecord(caller.pointee.origin)
            budget.begin()
        }
        caller.pointee.exchange.keepsAlive = false
        give(handle, caller, OwnAnswer(status: refusal.status, reason: .badRequest, explanation: refusal.explanation))
    }

    /// Answers in the endpoint's place. - Parameter retryAfter: nanoseconds.
    func answer(
        _ handle: SlabHandle, _ caller: UnsafeMutablePointer<Caller>, _ reason: DenialReason, retryAfter: UInt64? = nil
    ) {
        give(handle, caller, OwnAnswer(reason, retryAfter: retryAfter))
    }

    func give(_ handle: SlabHandle, _ caller: UnsafeMutablePointer<Caller>, _ answer: OwnAnswer) {
        guard !caller.pointee.isCopy else {
            endExchange(caller, .refused, answer.reason)
            return removeCaller(handle, caller)
        }
        caller.pointee.exchange.record.request.status = UInt16(answer.status)
        guard !caller.pointee.isStream else {
            give(answer, onStreamOf: caller, handle)
            endExchange(caller, answer.reason == .none ? .closed : .refused, answer.reason)
            return finishStream(handle, caller)
        }
        let closes = !caller.pointee.exchange.keepsAlive || !caller.pointee.exchange.body.hasEnded || isLeaving
        answer.write(
            to: &writer, closes: closes, keepsOldVersionAlive: caller.pointee.exchange.isOldVersion && !closes,
            hasBody: caller.pointee.exchange.method != .head)
        guard write(writer.bytes, toCaller: handle, caller) else { return }
        endExchange(caller, answer.reason == .none ? .closed : .refused, answer.reason)
        awaitNext(handle, caller, closes: closes)
    }

    /// The exchange is over: the next request, or the end.
    func awaitNext(_ handle: SlabHandle, _ caller: UnsafeMutablePointer<Caller>, closes: Bool) {
        if caller.pointee.isStream { return finishStream(handle, caller) }
        if caller.pointee.isCopy { return removeCaller(handle, caller) }
        if closes { return closeCaller(handle, caller) }
        caller.pointee.stage = .head
        caller.pointee.idleSince = now
        if caller.pointee.end.charge.isCommon { watchSilence(handle, caller) }
        if caller.pointee.hasUnreadInput || caller.pointee.end.isReadable { resume(handle, caller) }
    }
}
