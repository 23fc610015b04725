internal import CNGHTTP2
internal import MeshTypes

/// What frames mean to the owner of the session. Functions on the state's address: handlers may call back into the session, so no
/// access to the state may span them.
enum SessionEvents {
    static func received(_ frame: UnsafePointer<nghttp2_frame>, _ state: UnsafeMutablePointer<SessionState>) {
        let header = frame.pointee.hd
        let ends = header.flags & UInt8(NGHTTP2_FLAG_END_STREAM.rawValue) != 0
        switch nghttp2_frame_type(UInt32(header.type)) {
        case NGHTTP2_DATA:
            if ends { ended(header.stream_id, state) }
        case NGHTTP2_HEADERS:
            state.pointee.dialect.headEnded(frame.pointee.headers.cat, header.stream_id, ends: ends, state)
        case NGHTTP2_RST_STREAM:
            wasReset(header.stream_id, HBONEErrorCode(rawValue: frame.pointee.rst_stream.error_code), state)
        case NGHTTP2_SETTINGS: state.pointee.hasPeerSettings = true
        case NGHTTP2_PING:
            if header.flags & UInt8(NGHTTP2_FLAG_ACK.rawValue) != 0 { acknowledged(frame, state) }
        case NGHTTP2_GOAWAY: wentAway(frame, state)
        default: break
        }
    }

    static func ended(_ stream: Int32, _ state: UnsafeMutablePointer<SessionState>) {
        let token = state.pointee.token(of: stream)
        if token != 0 { state.pointee.handlers.end(state.pointee.owner, token: token) }
    }

    private static func wasReset(_ stream: Int32, _ code: HBONEErrorCode, _ state: UnsafeMutablePointer<SessionState>) {
        state.pointee.lastReset = stream
        state.pointee.count(.reset)
        let token = state.pointee.token(of: stream)
        if token != 0 { state.pointee.handlers.reset(state.pointee.owner, token: token, code) }
    }

    /// nghttp2 forgets the stream: closed by both, reset, above the last stream of a GOAWAY, or never sent.
    static func closed(_ stream: Int32, _ code: HBONEErrorCode, _ state: UnsafeMutablePointer<SessionState>) {
        state.pointee.openStreams -= 1
        let token = state.pointee.token(of: stream)
        guard token != 0, state.pointee.failure == nil else { return }
        if code != .noError, state.pointee.lastReset != stream {
            state.pointee.handlers.reset(state.pointee.owner, token: token, code)
            guard state.pointee.token(of: stream) != 0 else { return }
        }
        state.pointee.handlers.closed(state.pointee.owner, token: token)
    }

    static func sent(_ frame: UnsafePointer<nghttp2_frame>, _ state: UnsafeMutablePointer<SessionState>) {
        let header = frame.pointee.hd
        switch nghttp2_frame_type(UInt32(header.type)) {
        case NGHTTP2_DATA: state.pointee.budget.sentData()
        case NGHTTP2_HEADERS: headSent(frame, state)
        case NGHTTP2_RST_STREAM: didReset(HBONEErrorCode(rawValue: frame.pointee.rst_stream.error_code), state)
        case NGHTTP2_GOAWAY: saidGoodbye(HBONEErrorCode(rawValue: frame.pointee.goaway.error_code), state)
        default: break
        }
    }

    private static func headSent(_ frame: UnsafePointer<nghttp2_frame>, _ state: UnsafeMutablePointer<SessionState>) {
        let headers = frame.pointee.headers
        // A stream's first head is its request or its answer, be it an interim one.
        if headers.cat != NGHTTP2_HCAT_HEADERS { state.pointee.budget.exchanged() }
        // An answer without a body (not trailers): the caller need not end its side (RFC 9113 §8.1).
        guard state.pointee.role == .server, headers.hd.flags & UInt8(NGHTTP2_FLAG_END_STREAM.rawValue) != 0, headers.nvlen > 0,
            headers.nva[0].name[0] == UInt8(ascii: ":"),
            nghttp2_session_get_stream_remote_close(state.pointee.session, headers.hd.stream_id) == 0
        else { return }
        state.pointee.abort(headers.hd.stream_id, .noError)
    }

    /// Resets that the peer provoked by breaking the protocol cost as much as its own (CVE-2025-8671).
    private static func didReset(_ code: HBONEErrorCode, _ state: UnsafeMutablePointer<SessionState>) {
        switch code {
        case .protocolError, .flowControlError, .streamClosed, .frameSizeError: state.pointee.count(.invalid)
        default: break
        }
    }

    /// nghttp2 sends a GOAWAY by itself when the peer breaks the protocol.
    private static func saidGoodbye(_ code: HBONEErrorCode, _ state: UnsafeMutablePointer<SessionState>) {
        guard code != .noError else { return }
        if state.pointee.failure == nil { state.pointee.failure = .protocolViolation }
        state.pointee.isDraining = true
        state.pointee.farewellSent = true
    }

    private static func acknowledged(_ frame: UnsafePointer<nghttp2_frame>, _ state: UnsafeMutablePointer<SessionState>) {
        let payload = withUnsafeBytes(of: frame.pointee.ping.opaque_data) { $0.loadUnaligned(as: UInt64.self) }
        switch payload {
        case SessionState.keepalivePing: state.pointee.handlers.pingAcknowledged(state.pointee.owner)
        case SessionState.drainPing: state.pointee.announceLastStream()
        default: break
        }
    }

    private static func wentAway(_ frame: UnsafePointer<nghttp2_frame>, _ state: UnsafeMutablePointer<SessionState>) {
        let goAway = frame.pointee.goaway
        state.pointee.isDraining = true
        // The first of two says 2³¹−1: streams that it crosses on the wire still count.
        if goAway.last_stream_id != .max { state.pointee.drainAnnounced = true }
        state.pointee.handlers.goAway(
            state.pointee.owner, lastStream: StreamID(rawValue: goAway.last_stream_id), HBONEErrorCode(rawValue: goAway.error_code))
    }
}
