internal import CNGHTTP2
internal import MeshTypes

/// The C functions that nghttp2 calls. Each finds its session's state through the user pointer and does one thing.
enum SessionCallbacks {
    /// One table for all sessions: nghttp2 copies it.
    nonisolated(unsafe) static let shared: OpaquePointer = {
        var table: OpaquePointer?
        precondition(nghttp2_session_callbacks_new(&table) == 0, "out of memory")
        nghttp2_session_callbacks_set_on_begin_frame_callback(table, frameBegan)
        nghttp2_session_callbacks_set_on_begin_headers_callback(table, headersBegan)
        nghttp2_session_callbacks_set_on_header_callback(table, headerCame)
        nghttp2_session_callbacks_set_on_invalid_header_callback(table, invalidHeaderCame)
        nghttp2_session_callbacks_set_on_data_chunk_recv_callback(table, dataCame)
        nghttp2_session_callbacks_set_on_frame_recv_callback(table, frameCame)
        nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(table, invalidFrameCame)
        nghttp2_session_callbacks_set_unpack_extension_callback(table, extensionCame)
        nghttp2_session_callbacks_set_on_frame_send_callback(table, frameSent)
        nghttp2_session_callbacks_set_on_stream_close_callback(table, streamClosed)
        nghttp2_session_callbacks_set_data_source_read_length_callback(table, dataLength)
        return table!
    }()

    /// The token travels in the source pointer, so that a pull needs no look-up.
    static func dataProvider(token: UInt64) -> nghttp2_data_provider {
        nghttp2_data_provider(
            source: nghttp2_data_source(ptr: UnsafeMutableRawPointer(bitPattern: UInt(token))), read_callback: pull)
    }

    private static func state(_ user: UnsafeMutableRawPointer?) -> UnsafeMutablePointer<SessionState> {
        user.unsafelyUnwrapped.assumingMemoryBound(to: SessionState.self)
    }

    /// What a callback returns: going on, or ending `nghttp2_session_mem_recv` because the connection failed.
    private static func verdict(_ state: UnsafeMutablePointer<SessionState>) -> CInt {
        state.pointee.failure == nil ? 0 : NGHTTP2_ERR_CALLBACK_FAILURE.rawValue
    }

    // MARK: Receiving

    private static let frameBegan: nghttp2_on_begin_frame_callback = { _, header, user in
        let state = state(user)
        state.pointee.frameBegan(header.unsafelyUnwrapped.pointee)
        return verdict(state)
    }

    private static let headersBegan: nghttp2_on_begin_headers_callback = { _, frame, user in
        let state = state(user)
        let category = frame.unsafelyUnwrapped.pointee.headers.cat
        state.pointee.headSize = 0
        if category == NGHTTP2_HCAT_REQUEST { state.pointee.openStreams += 1 }
        state.pointee.dialect.headBegan(category, state)
        return 0
    }

    private static let headerCame: nghttp2_on_header_callback = { _, _, name, nameLength, value, valueLength, _, user in
        let state = state(user)
        // What was inflated is the measure, not what was sent: a few bytes can stand for kilobytes (RFC 7541 §7.3).
        state.pointee.headSize &+= UInt32(truncatingIfNeeded: nameLength &+ valueLength) &+ fieldOverhead
        if state.pointee.headSize > state.pointee.headerBombBytes {
            state.pointee.fail(.headerBomb)
        } else {
            state.pointee.dialect.field(
                UnsafeRawBufferPointer(start: name, count: nameLength), UnsafeRawBufferPointer(start: value, count: valueLength), state)
        }
        return verdict(state)
    }

    /// RFC 9113 §6.5.2.
    private static let fieldOverhead: UInt32 = 32

    /// Left to itself nghttp2 would leave the field out; the whole message is malformed (RFC 9113 §8.2.1).
    private static let invalidHeaderCame: nghttp2_on_invalid_header_callback = { _, _, _, _, _, _, _, _ in
        NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE.rawValue
    }

    private static let dataCame: nghttp2_on_data_chunk_recv_callback = { session, _, stream, bytes, count, user in
        let state = state(user)
        let token = state.pointee.token(of: stream)
        if token == 0 {
            nghttp2_session_consume(session, stream, count)
        } else {
            state.pointee.handlers.data(
                state.pointee.owner, token: token, UnsafeRawBufferPointer(start: bytes, count: count))
        }
        return 0
    }

    private static let frameCame: nghttp2_on_frame_recv_callback = { _, frame, user in
        let state = state(user)
        SessionEvents.received(frame.unsafelyUnwrapped, state)
        return verdict(state)
    }

    private static let invalidFrameCame: nghttp2_on_invalid_frame_recv_callback = { _, frame, _, user in
        let state = state(user)
        state.pointee.count(.invalid)
        let frame = frame.unsafelyUnwrapped.pointee
        if UInt32(frame.hd.type) == NGHTTP2_HEADERS.rawValue { state.pointee.dialect.headRefused(frame.headers.cat, state) }
        return verdict(state)
    }

    /// Frames of unknown types are counted when they begin, and ignored (RFC 9113 §5.5).
    private static let extensionCame: nghttp2_unpack_extension_callback = { _, _, _, _ in NGHTTP2_ERR_CANCEL.rawValue }

    // MARK: Sending

    private static let dataLength: nghttp2_data_source_read_length_callback = { _, _, _, connection, stream, frame, _ in
        min(Int(connection), Int(stream), Int(frame), HBONELimits.dataPayload)
    }

    private static let pull: nghttp2_data_source_read_callback = { _, stream, buffer, capacity, flags, source, user in
        let state = state(user)
        var token = UInt64(UInt(bitPattern: source.unsafelyUnwrapped.pointee.ptr))
        if token == 0 {
            // Accepted from within the request handler, before its token was known.
            token = state.pointee.token(of: stream)
            source.unsafelyUnwrapped.pointee.ptr = UnsafeMutableRawPointer(bitPattern: UInt(token))
        }
        let room = UnsafeMutableRawBufferPointer(start: buffer, count: capacity)
        switch state.pointee.dialect.pull(stream, token, into: room, state) {
        case .bytes(let count):
            assert(count > 0 && count <= capacity)
            return count
        case .last(let count):
            flags.unsafelyUnwrapped.pointee |= NGHTTP2_DATA_FLAG_EOF.rawValue
            return count
        // With nothing before the trailers nghttp2 sends no DATA at all.
        case .lastBeforeTrailers(let count):
            flags.unsafelyUnwrapped.pointee |= NGHTTP2_DATA_FLAG_EOF.rawValue | NGHTTP2_DATA_FLAG_NO_END_STREAM.rawValue
            return count
        case .later: return Int(NGHTTP2_ERR_DEFERRED.rawValue)
        case .reset(let code):
            state.pointee.reset(StreamID(rawValue: stream), code)
            return Int(NGHTTP2_ERR_DEFERRED.rawValue)
        }
    }

    private static let frameSent: nghttp2_on_frame_send_callback = { _, frame, user in
        SessionEvents.sent(frame.unsafelyUnwrapped, state(user))
        return 0
    }

    private static let streamClosed: nghttp2_on_stream_close_callback = { _, stream, code, user in
        SessionEvents.closed(stream, HBONEErrorCode(rawValue: code), state(user))
        return 0
    }
}
