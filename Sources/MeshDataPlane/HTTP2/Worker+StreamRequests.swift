internal import MeshProtocols
internal import MeshRouting
internal import MeshRuntime
internal import MeshTypes

/// One request on a stream of an endpoint's session: its body out, its answer back.
extension Worker {
    /// Fills a DATA frame from what came of the request's body: first, in another attempt, what an earlier one sent.
    func pullRequest(_ session: EndpointSession, _ handle: SlabHandle, into buffer: UnsafeMutableRawBufferPointer) -> HTTP2Pull {
        guard let caller = callers.find(handle), caller.pointee.stage == .exchange, caller.pointee.exchange.upstream == session.flow else {
            return .reset(.cancel)
        }
        let count = copyBody(caller, into: buffer)
        guard caller.pointee.requestEnded, caller.pointee.input.isEmpty,
            caller.pointee.exchange.replayed >= caller.pointee.exchange.replay.count
        else {
            return count > 0 ? .bytes(count) : .later
        }
        copyIfDrawn(caller)
        guard !caller.pointee.requestTrailers.isEmpty else { return .last(count) }
        session.http2?.trailers(StreamID(rawValue: caller.pointee.exchange.stream), caller.pointee.requestTrailers.readable)
        return .lastBeforeTrailers(count)
    }

    private func copyBody(_ caller: UnsafeMutablePointer<Caller>, into buffer: UnsafeMutableRawBufferPointer) -> Int {
        let sent = caller.pointee.exchange.replayed
        let replay = caller.pointee.exchange.replay.readable
        if sent < replay.count {
            let count = min(buffer.count, replay.count - sent)
            buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: replay[sent..<sent + count]))
            caller.pointee.exchange.replayed += count
            return count
        }
        let count = min(buffer.count, caller.pointee.input.count)
        guard count > 0 else { return 0 }
        let part = UnsafeRawBufferPointer(rebasing: caller.pointee.input.readable[..<count])
        buffer.copyMemory(from: part)
        caller.pointee.exchange.keep(part)
        caller.pointee.exchange.replayed = caller.pointee.exchange.replay.count
        caller.pointee.input.consume(count)
        if let (session, stream) = self.session(of: caller) { session.consumed(stream, count, wasWaiting: true) }
        return count
    }

    // MARK: Answers

    func takeStreamHead(
        _ session: EndpointSession, _ handle: SlabHandle, _ caller: UnsafeMutablePointer<Caller>, _ head: UnsafeRawBufferPointer, ends: Bool
    ) {
        guard case .success(let response) = ResponseHead.parse(head, answering: caller.pointee.exchange.method, into: &fields),
            response.status != 101
        else {
            dropUpstream(caller)
            return attemptEnded(handle, caller, .badResponse)
        }
        if response.isInterim {
            guard let (callers, stream) = self.session(of: caller) else { return }
            HeadRewriting.response(response, fields, head, closes: false, keepsOldVersionAlive: false, to: &writer)
            callers.http2.inform(stream, writer.bytes)
            return markDirty(callers)
        }
        if caller.pointee.exchange.isGRPC, ends { noteGRPCStatus(caller, of: head) }
        guard accepts(response, head, handle, caller, isWhole: ends) else { return }
        let changes = EncodedHeaderChanges(caller.pointee.exchange.answerChanges.readable)
        HeadRewriting.response(response, fields, head, closes: false, keepsOldVersionAlive: false, changes, to: &writer)
        respond(handle, caller, writer.bytes, hasBody: !ends)
        if ends { finishStreamAnswer(session, handle, caller) }
    }

    /// Bytes of a body: credit for what nobody waits for at once, the rest when the caller takes it.
    func takeStreamBody(_ session: EndpointSession, _ handle: SlabHandle, _ bytes: UnsafeRawBufferPointer) {
        guard let caller = callers.find(handle), caller.pointee.stage == .exchange, caller.pointee.exchange.upstream == session.flow else {
            session.http2?.consumedConnection(bytes.count)
            return
        }
        guard let (callers, stream) = self.session(of: caller) else { return ignore(handle, caller, session, bytes.count) }
        caller.pointee.exchange.record.received += UInt64(bytes.count)
        caller.pointee.end.pending.append(bytes)
        session.http2?.consumedConnection(session.backlog.take(bytes.count, waiting: bytes.count))
        callers.http2.readyToSend(stream)
        markDirty(callers)
    }

    /// The answer is whole.
    func finishStreamAnswer(_ session: EndpointSession, _ handle: SlabHandle, _ caller: UnsafeMutablePointer<Caller>) {
        if caller.pointee.exchange.isGRPC {
            noteGRPCStatus(caller, of: caller.pointee.trailers.readable)
            let hasFailed = GRPC.isFailure(caller.pointee.exchange.record.request.grpcStatus)
            judge(
                &caller.pointee.exchange.ticket, of: caller.pointee.origin.destination, hasFailed ? .failed : .succeeded,
                latency: caller.pointee.exchange.latency)
        }
        // What still waits of it is the caller's alone.
        session.http2?.consumedConnection(session.backlog.release(caller.pointee.end.pending.count))
        let stream = StreamID(rawValue: caller.pointee.exchange.stream)
        let isSent = caller.pointee.requestEnded && caller.pointee.input.isEmpty
        if !isSent { session.http2?.reset(stream, .noError) }
        caller.pointee.exchange.upstream = .none
        caller.pointee.exchange.stream = 0
        session.lastUsed = now
        markDirty(session)
        completeExchange(handle, caller, closes: false)
    }

    /// The endpoint gave the stream up, or its session did.
    func streamLost(_ handle: SlabHandle, _ caller: UnsafeMutablePointer<Caller>, _ code: HBONEErrorCode) {
        if let flow = flows.find(caller.pointee.exchange.upstream) {
            session(of: flow)?.http2?.disown(StreamID(rawValue: caller.pointee.exchange.stream))
        }
        caller.pointee.exchange.stream = 0
        // Only then it is certain that nothing was done (RFC 9113 §8.7).
        if code.isSafeToRetry { caller.pointee.exchange.mayHaveArrived = false }
        attemptLost(handle, caller, code.isSafeToRetry ? .draining : .endpointClosed)
    }

    private func noteGRPCStatus(_ caller: UnsafeMutablePointer<Caller>, of lines: UnsafeRawBufferPointer) {
        if let status = GRPC.status(in: lines) { caller.pointee.exchange.record.request.grpcStatus = status }
    }

    // MARK: To the caller

    /// The head of an answer on a stream. Without a body the stream ends with it.
    func respond(_ handle: SlabHandle, _ caller: UnsafeMutablePointer<Caller>, _ head: UnsafeRawBufferPointer, hasBody: Bool) {
        guard let (session, stream) = session(of: caller) else { return }
        caller.pointee.exchange.record.received += UInt64(head.count)
        session.http2.respond(stream, head, hasBody: hasBody)
        caller.pointee.hasAnswered = !hasBody
        markDirty(session)
    }

    /// The exchange is over: the stream ends once what waits for it has left.
    func finishStream(_ handle: SlabHandle, _ caller: UnsafeMutablePointer<Caller>) {
        guard let (session, stream) = session(of: caller), !caller.pointee.hasAnswered else { return removeCaller(handle, caller) }
        caller.pointee.stage = .closing
        caller.pointee.end.finishes = true
        session.http2.readyToSend(stream)
        markDirty(session)
    }

    /// The mesh's own answer on a stream.
    func give(_ answer: OwnAnswer, onStreamOf caller: UnsafeMutablePointer<Caller>, _ handle: SlabHandle) {
        if caller.pointee.exchange.isGRPC, answer.reason != .none {
            answer.writeTrailersOnly(to: &writer)
            caller.pointee.exchange.record.request.grpcStatus = UInt8(answer.grpcStatus.rawValue)
            return respond(handle, caller, writer.bytes, hasBody: false)
        }
        let hasBody = caller.pointee.exchange.method != .head && answer.reason != .none
        answer.write(to: &writer, closes: false, keepsOldVersionAlive: false, hasBody: hasBody)
        var scanner = HeadScanner()
        guard case .complete(let length) = scanner.scan(writer.bytes) else { return }
        respond(handle, caller, UnsafeRawBufferPointer(rebasing: writer.bytes[..<length]), hasBody: hasBody)
        if hasBody { caller.pointee.end.pending.append(UnsafeRawBufferPointer(rebasing: writer.bytes[length...])) }
    }
}
