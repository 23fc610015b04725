internal import CNGHTTP2
internal import MeshTypes

/// What the C callbacks of one session work on: reached by pointer only, so that no event costs reference counting.
struct SessionState {
    private(set) var session: OpaquePointer!
    let role: HBONESession.Role
    let limits: HBONELimits
    let owner: UnsafeMutableRawPointer
    let handlers: any HBONEHandlers.Type
    var budget: FrameBudget
    var head = MessageHead()
    var failure: HBONEFailure?
    /// The GOAWAY of `failure` left: there is nothing more to send.
    var farewellSent = false
    var openStreams = 0
    /// The peer's SETTINGS came.
    var hasPeerSettings = false
    var isDraining = false
    /// The last GOAWAY (with the real last stream) was submitted or received.
    var drainAnnounced = false
    /// The stream of the last RST_STREAM that came: its closing needs no second `reset`.
    var lastReset: Int32 = 0
    private var stalledSince: UInt64?

    static let keepalivePing: UInt64 = 0x6b65_6570_616c_6976
    static let drainPing: UInt64 = 0x6472_6169_6e69_6e67

    init(
        role: HBONESession.Role, limits: HBONELimits, owner: UnsafeMutableRawPointer, handlers: any HBONEHandlers.Type, now: UInt64
    ) {
        self.role = role
        self.limits = limits
        self.owner = owner
        self.handlers = handlers
        budget = FrameBudget(limits.floods)
        budget.advance(to: now)
    }

    /// Makes nghttp2's session, with `address` for its callbacks, and submits SETTINGS and the connection's window.
    mutating func start(_ address: UnsafeMutablePointer<SessionState>) {
        var option: OpaquePointer?
        precondition(nghttp2_option_new(&option) == 0, "out of memory")
        nghttp2_option_set_no_auto_window_update(option, 1)
        nghttp2_option_set_no_closed_streams(option, 1)
        nghttp2_option_set_max_settings(option, limits.maximumSettingsEntries)
        nghttp2_option_set_max_outbound_ack(option, limits.maximumPendingAcknowledgements)
        nghttp2_option_set_max_reserved_remote_streams(option, 0)
        nghttp2_option_set_max_continuations(option, limits.maximumContinuations)
        // Without this the library skips frames of unknown types (0x0a…0xff) before anyone can count them.
        for type in UInt8(0x0a)...0xff { nghttp2_option_set_user_recv_extension_type(option, type) }
        // FrameBudget counts resets by what they cost; the library's own bound is for all alike.
        nghttp2_option_set_stream_reset_rate_limit(option, UInt64(UInt32.max), UInt64(UInt32.max))
        defer { nghttp2_option_del(option) }
        let made =
            switch role {
            case .client: nghttp2_session_client_new2(&session, SessionCallbacks.shared, address, option)
            case .server: nghttp2_session_server_new2(&session, SessionCallbacks.shared, address, option)
            }
        precondition(made == 0, "out of memory")
        var settings = [
            nghttp2_settings_entry(settings_id: Int32(NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS.rawValue), value: limits.maximumStreams),
            nghttp2_settings_entry(
                settings_id: Int32(NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE.rawValue), value: UInt32(limits.streamWindow)),
            nghttp2_settings_entry(
                settings_id: Int32(NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE.rawValue), value: limits.maximumHeaderBytes),
        ]
        if role == .client {
            settings.append(nghttp2_settings_entry(settings_id: Int32(NGHTTP2_SETTINGS_ENABLE_PUSH.rawValue), value: 0))
        }
        nghttp2_submit_settings(session, UInt8(NGHTTP2_FLAG_NONE.rawValue), settings, settings.count)
        nghttp2_session_set_local_window_size(session, UInt8(NGHTTP2_FLAG_NONE.rawValue), 0, limits.connectionWindow)
    }

    // MARK: Floods

    mutating func count(_ kind: FrameBudget.Kind) {
        if let failure = budget.count(kind) { fail(failure) }
    }

    /// Looks at every frame's header before its payload is read.
    mutating func frameBegan(_ header: nghttp2_frame_hd) {
        let flags = UInt32(header.flags)
        switch nghttp2_frame_type(UInt32(header.type)) {
        case NGHTTP2_DATA:
            if header.length == 0, flags & NGHTTP2_FLAG_END_STREAM.rawValue == 0 { count(.emptyData) }
        // Bounded by what they decode to, by the library's bound on CONTINUATION, and when they are answered or acted upon.
        case NGHTTP2_HEADERS, NGHTTP2_CONTINUATION, NGHTTP2_RST_STREAM, NGHTTP2_GOAWAY: break
        case NGHTTP2_PRIORITY: count(.priority)
        case NGHTTP2_SETTINGS:
            if flags & NGHTTP2_FLAG_ACK.rawValue == 0 { count(.settings) }
        case NGHTTP2_PUSH_PROMISE: fail(.serverPush)
        case NGHTTP2_PING:
            if flags & NGHTTP2_FLAG_ACK.rawValue == 0 { count(.ping) }
        case NGHTTP2_WINDOW_UPDATE: count(.windowUpdate)
        default: count(.unknown)
        }
    }

    // MARK: The connection's end

    /// Gives the connection up: a GOAWAY that says why is all that is sent from here on.
    mutating func fail(_ failure: HBONEFailure) {
        guard self.failure == nil else { return }
        self.failure = failure
        isDraining = true
        let code = failure.code
        nghttp2_submit_goaway(
            session, UInt8(NGHTTP2_FLAG_NONE.rawValue), nghttp2_session_get_last_proc_stream_id(session),
            failure.goAwayCode.rawValue, code.utf8Start, code.utf8CodeUnitCount)
    }

    static func failure(for libraryError: CInt) -> HBONEFailure {
        switch nghttp2_error(rawValue: libraryError) {
        case NGHTTP2_ERR_NOMEM: .outOfMemory
        case NGHTTP2_ERR_FLOODED: .acknowledgementFlood
        default: .protocolViolation
        }
    }

    mutating func goAway() {
        guard !isDraining else { return }
        isDraining = true
        switch role {
        case .server:
            nghttp2_submit_shutdown_notice(session)
            ping(Self.drainPing)
        case .client: announceLastStream()
        }
    }

    mutating func announceLastStream() {
        drainAnnounced = true
        nghttp2_submit_goaway(
            session, UInt8(NGHTTP2_FLAG_NONE.rawValue), nghttp2_session_get_last_proc_stream_id(session),
            HBONEErrorCode.noError.rawValue, nil, 0)
    }

    func ping(_ payload: UInt64) {
        withUnsafeBytes(of: payload) { bytes in
            _ = nghttp2_submit_ping(
                session, UInt8(NGHTTP2_FLAG_NONE.rawValue), bytes.assumingMemoryBound(to: UInt8.self).baseAddress)
        }
    }

    // MARK: Stalls

    /// Called when there was nothing to send: is it for want of connection window?
    mutating func noteStall() {
        if nghttp2_session_get_remote_window_size(session) > 0 || openStreams == 0 {
            stalledSince = nil
        } else if stalledSince == nil {
            stalledSince = budget.now
        }
    }

    mutating func checkStall() {
        guard let since = stalledSince else { return }
        if nghttp2_session_get_remote_window_size(session) > 0 {
            stalledSince = nil
        } else if budget.now &- since > limits.stallTimeout {
            fail(.stalled)
        }
    }
}
