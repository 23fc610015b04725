internal import CNGHTTP2

/// One HTTP/2 connection without I/O: bytes go in by `receive` and come out by `nextOutput`. What its streams carry is the subclass's.
///
/// Windows are not given back by themselves: the owner calls `consumedConnection` for bytes that it has taken (whatever their
/// stream), and `consumed` once they were delivered. Not thread-safe: it belongs to one worker.
package class MultiplexedSession {
    package enum Role: Sendable, BitwiseCopyable { case client, server }

    let state: UnsafeMutablePointer<SessionState>

    /// - Parameters:
    ///   - messages: what the dialect keeps; it belongs to the subclass, and must live until this is gone.
    ///   - now: nanoseconds of a monotonic clock.
    init(
        _ role: Role, _ limits: some SessionLimits, owner: UnsafeMutableRawPointer, handlers: any StreamHandlers.Type,
        dialect: any SessionDialect.Type, messages: UnsafeMutableRawPointer, now: UInt64
    ) {
        state = .allocate(capacity: 1)
        state.initialize(
            to: SessionState(role, limits, owner: owner, handlers: handlers, dialect: dialect, messages: messages, now: now))
        state.pointee.start(state, limits)
    }

    deinit {
        nghttp2_session_del(state.pointee.session)
        state.deinitialize(count: 1)
        state.deallocate()
    }

    // MARK: Bytes

    /// Takes bytes and runs the handlers. - Returns: why the connection must end; flush `nextOutput` (it holds the GOAWAY)
    /// and close. After that nothing more may be received, and no handler is called for the streams that are left.
    package final func receive(_ bytes: UnsafeRawBufferPointer, now: UInt64) -> HBONEFailure? {
        if let failure = state.pointee.failure { return failure }
        state.pointee.budget.advance(to: now)
        let taken = nghttp2_session_mem_recv(
            state.pointee.session, bytes.assumingMemoryBound(to: UInt8.self).baseAddress, bytes.count)
        if taken < 0, state.pointee.failure == nil { state.pointee.fail(SessionState.failure(for: CInt(taken))) }
        state.pointee.checkBacklog()
        return state.pointee.failure
    }

    /// The next frame to send, pulled from streams if it is data; nil when there is nothing. Valid until the next call.
    package final func nextOutput() -> UnsafeRawBufferPointer? {
        if state.pointee.farewellSent { return nil }
        var bytes: UnsafePointer<UInt8>?
        let count = nghttp2_session_mem_send(state.pointee.session, &bytes)
        guard count > 0, let bytes else {
            if count < 0 { state.pointee.fail(.outOfMemory) }
            state.pointee.noteStall()
            return nil
        }
        return UnsafeRawBufferPointer(start: bytes, count: count)
    }

    /// Checks what only time shows. - Returns: as `receive`.
    package final func tick(now: UInt64) -> HBONEFailure? {
        state.pointee.budget.advance(to: now)
        state.pointee.checkStall()
        state.pointee.checkBacklog()
        return state.pointee.failure
    }

    /// Why the connection must end, if it must: set also while output is made.
    package final var failure: HBONEFailure? { state.pointee.failure }

    /// True when both sides are done with the connection: everything was sent and no stream is left after a GOAWAY.
    package final var isFinished: Bool {
        state.pointee.farewellSent
            || nghttp2_session_want_read(state.pointee.session) == 0 && nghttp2_session_want_write(state.pointee.session) == 0
            || state.pointee.isDraining && state.pointee.openStreams == 0
                && nghttp2_session_want_write(state.pointee.session) == 0 && state.pointee.drainAnnounced
    }

    // MARK: Streams

    /// Streams that have begun and are not closed yet, those included whose owner heard the last of them.
    package final var openStreams: Int { state.pointee.openStreams }

    /// True after a GOAWAY in either direction, or a failure.
    package final var isDraining: Bool { state.pointee.isDraining }

    /// Client: whether a stream could be opened now.
    package final var canOpen: Bool { state.pointee.canOpen }

    /// Whether the peer has said how many streams it permits. Until then a client opens at most a hundred, which every peer should permit
    /// (RFC 9113 §6.5.2): one that cannot open another must wait, and has not been refused.
    package final var knowsPeerLimit: Bool { state.pointee.hasPeerSettings }

    /// The stream has something to send (or to end): it will be pulled.
    package final func readyToSend(_ stream: StreamID) {
        nghttp2_session_resume_data(state.pointee.session, stream.rawValue)
    }

    /// So many bytes of the stream were delivered: the peer may send as many again on it.
    package final func consumed(_ stream: StreamID, _ bytes: Int) {
        nghttp2_session_consume_stream(state.pointee.session, stream.rawValue, bytes)
    }

    /// So many bytes of any stream were taken off the connection's window.
    package final func consumedConnection(_ bytes: Int) {
        nghttp2_session_consume_connection(state.pointee.session, bytes)
    }

    /// Aborts the stream; what was not pulled yet is not sent. Final for the stream; streams that are gone are ignored.
    package final func reset(_ stream: StreamID, _ code: HBONEErrorCode) { state.pointee.reset(stream, code) }

    /// The owner has heard enough of the stream, such as that it was reset: it hears no more, also not that the stream is closed. Its token may
    /// stand for another stream from now on.
    package final func disown(_ stream: StreamID) { state.pointee.setToken(0, of: stream.rawValue) }

    // MARK: The connection

    /// Asks for a sign of life; `pingAcknowledged` answers.
    package final func ping() { state.pointee.ping(SessionState.keepalivePing) }

    /// Stops taking new streams, gracefully: a server first announces it (last stream 2³¹−1), and names the real last stream once the
    /// peer has answered a PING, so that no request in flight is lost (RFC 9113 §6.8). Streams that are open go on.
    package final func goAway() { state.pointee.goAway() }
}
