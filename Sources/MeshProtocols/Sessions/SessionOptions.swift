internal import CNGHTTP2

/// How nghttp2 is set up: nothing happens behind our back, and nothing is unbounded.
enum SessionOptions {
    /// Bytes of a header block that we send. Larger than any head that comes in with what the mesh adds, lest one that was accepted be lost.
    private static let maximumSentHead = 256 << 10

    /// To be freed by `nghttp2_option_del`.
    static func make(_ limits: some SessionLimits) -> OpaquePointer? {
        var option: OpaquePointer?
        precondition(nghttp2_option_new(&option) == 0, "out of memory")
        nghttp2_option_set_no_auto_window_update(option, 1)
        nghttp2_option_set_no_closed_streams(option, 1)
        nghttp2_option_set_max_settings(option, limits.maximumSettingsEntries)
        nghttp2_option_set_max_outbound_ack(option, limits.maximumPendingAcknowledgements)
        nghttp2_option_set_max_reserved_remote_streams(option, 0)
        nghttp2_option_set_max_continuations(option, limits.maximumContinuations)
        nghttp2_option_set_max_send_header_block_length(option, maximumSentHead)
        // Without this the library skips frames of unknown types (0x0a…0xff) before anyone can count them.
        for type in UInt8(0x0a)...0xff { nghttp2_option_set_user_recv_extension_type(option, type) }
        // FrameBudget counts resets by what they cost; the library's own bound is for all alike.
        nghttp2_option_set_stream_reset_rate_limit(option, UInt64(UInt32.max), UInt64(UInt32.max))
        return option
    }

    static func settings(_ limits: some SessionLimits) -> [nghttp2_settings_entry] {
        [
            entry(NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, limits.maximumStreams),
            entry(NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, UInt32(limits.streamWindow)),
            entry(NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, limits.maximumHeaderBytes),
        ]
    }

    static func entry(_ setting: nghttp2_settings_id, _ value: UInt32) -> nghttp2_settings_entry {
        nghttp2_settings_entry(settings_id: Int32(setting.rawValue), value: value)
    }
}
