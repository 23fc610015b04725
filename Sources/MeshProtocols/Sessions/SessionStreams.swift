internal import CNGHTTP2

/// What every session does with its streams.
extension SessionState {
    private static let maximumStreamID: Int32 = .max - 2

    var canOpen: Bool {
        role == .client && !isDraining && openStreams < Int(min(maximumStreams, peerStreamLimit))
            && nghttp2_session_get_next_stream_id(session) < UInt32(Self.maximumStreamID)
    }

    private var peerStreamLimit: UInt32 {
        nghttp2_session_get_remote_settings(session, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS)
    }

    func token(of stream: Int32) -> UInt64 {
        UInt64(UInt(bitPattern: nghttp2_session_get_stream_user_data(session, stream)))
    }

    func setToken(_ token: UInt64, of stream: Int32) {
        nghttp2_session_set_stream_user_data(session, stream, UnsafeMutableRawPointer(bitPattern: UInt(token)))
    }

    /// The owner's own reset: it hears no more of the stream.
    func reset(_ stream: StreamID, _ code: HBONEErrorCode) {
        setToken(0, of: stream.rawValue)
        abort(stream.rawValue, code)
    }

    /// A reset that the owner learns of when the stream closes.
    func abort(_ stream: Int32, _ code: HBONEErrorCode) {
        nghttp2_submit_rst_stream(session, UInt8(NGHTTP2_FLAG_NONE.rawValue), stream, code.rawValue)
    }
}
