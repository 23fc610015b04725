internal import CNGHTTP2
package import MeshTypes

/// One HTTP/2 connection that carries tunnels (HBONE), without I/O: plaintext goes in by `receive` and comes out by `nextOutput`.
///
/// Windows are not given back by themselves: the owner calls `consumedConnection` for bytes that it has taken (whatever their
/// stream), and `consumed` once they were delivered. Not thread-safe: it belongs to one worker.
package final class HBONESession {
    package enum Role: Sendable, BitwiseCopyable { case client, server }

    let state: UnsafeMutablePointer<SessionState>

    /// - Parameters:
    ///   - owner: handed to every handler; must outlive the session.
    ///   - now: nanoseconds of a monotonic clock.
    package init(
        role: Role, limits: HBONELimits = HBONELimits(), owner: UnsafeMutableRawPointer, handlers: any HBONEHandlers.Type,
        now: UInt64
    ) {
        state = .allocate(capacity: 1)
        state.initialize(to: SessionState(role: role, limits: limits, owner: owner, handlers: handlers, now: now))
        state.pointee.start(state)
    }

    deinit {
        nghttp2_session_del(state.pointee.session)
        state.deinitialize(count: 1)
        state.deallocate()
    }

    // MARK: Bytes

    /// Takes decrypted bytes and runs the handlers. - Returns: why the connection must end; flush `nextOutput` (it holds the GOAWAY)
    /// and close. After that nothing more may be received, and no handler is called for the streams that are left.
    package func receive(_ plaintext: UnsafeRawBufferPointer, now: UInt64) -> HBONEFailure? {
        if let failure = state.pointee.failure { return failure }
        state.pointee.budget.advance(to: now)
        let taken = nghttp2_session_mem_recv(
            state.pointee.session, plaintext.assumingMemoryBound(to: UInt8.self).baseAddress, plaintext.count)
        if taken < 0, state.pointee.failure == nil { state.pointee.fail(SessionState.failure(for: CInt(taken))) }
        return state.pointee.failure
    }

    /// The next frame to send, pulled from streams if it is data; nil when there is nothing. Valid until the next call.
    package func nextOutput() -> UnsafeRawBufferPointer? {
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
    package func tick(now: UInt64) -> HBONEFailure? {
        state.pointee.budget.advance(to: now)
        state.pointee.checkStall()
        return state.pointee.failure
    }

    /// Why the connection must end, if it must: set also while output is made.
    package var failure: HBONEFailure? { state.pointee.failure }

    /// True when both sides are done with the connection: everything was sent and no stream is left after a GOAWAY.
    package var isFinished: Bool {
        state.pointee.farewellSent
            || nghttp2_session_want_read(state.pointee.session) == 0 && nghttp2_session_want_write(state.pointee.session) == 0
            || state.pointee.isDraining && state.pointee.openStreams == 0
                && nghttp2_session_want_write(state.pointee.session) == 0 && state.pointee.drainAnnounced
    }

    // MARK: Streams

    package var openStreams: Int { state.pointee.openStreams }

    /// True after a GOAWAY in either direction, or a failure.
    package var isDraining: Bool { state.pointee.isDraining }

    /// Whether `openStream` would work now.
    package var canOpen: Bool { state.pointee.canOpen }

    /// Whether the peer has said how many streams it permits. Until then a client opens at most a hundred, which every peer should permit
    /// (RFC 9113 §6.5.2): one that cannot open another must wait, and has not been refused.
    package var knowsPeerLimit: Bool { state.pointee.hasPeerSettings }

    /// Client: asks for a tunnel. Nothing is pulled for it before the owner's `pull` gives something.
    /// - Returns: nil at the peer's or our limit of streams, or when draining.
    package func openStream(_ request: borrowing ConnectRequest, token: UInt64) -> StreamID? {
        precondition(token != 0)
        return state.pointee.canOpen ? state.pointee.open(request, token: token) : nil
    }

    /// Server: answers 200; from now on the stream is pulled.
    package func accept(_ stream: StreamID) { state.pointee.accept(stream) }

    /// Server: answers `status` with `x-myelin-reason` and ends the stream. Final for the stream.
    package func refuse(_ stream: StreamID, status: Int, reason: DenialReason) {
        state.pointee.refuse(stream, status: status, reason: reason)
    }

    /// The stream has something to send (or to end): it will be pulled.
    package func readyToSend(_ stream: StreamID) {
        nghttp2_session_resume_data(state.pointee.session, stream.rawValue)
    }

    /// So many bytes of the stream were delivered: the peer may send as many again on it.
    package func consumed(_ stream: StreamID, _ bytes: Int) {
        nghttp2_session_consume_stream(state.pointee.session, stream.rawValue, bytes)
    }

    /// So many bytes of any stream were taken off the connection's window.
    package func consumedConnection(_ bytes: Int) {
        nghttp2_session_consume_connection(state.pointee.session, bytes)
    }

    /// Aborts the stream; what was not pulled yet is not sent. Final for the stream; streams that are gone are ignored.
    package func reset(_ stream: StreamID, _ code: HBONEErrorCode) { state.pointee.reset(stream, code) }

    // MARK: The connection

    /// Asks for a sign of life; `pingAcknowledged` answers.
    package func ping() { state.pointee.ping(SessionState.keepalivePing) }

    /// Stops taking new streams, gracefully: a server first announces it (last stream 2³¹−1), and names the real last stream once the
    /// peer has answered a PING, so that no request in flight is lost (RFC 9113 §6.8). Streams that are open go on.
    package func goAway() { state.pointee.goAway() }
}
