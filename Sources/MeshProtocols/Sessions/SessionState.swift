internal import CNGHTTP2
internal import MeshTypes

/// What the C callbacks of one session work on: reached by pointer only, so that no event costs reference counting.
struct SessionState {
    private(set) var session: OpaquePointer!
    let role: MultiplexedSession.Role
    let owner: UnsafeMutableRawPointer
    let handlers: any StreamHandlers.Type
    let dialect: any SessionDialect.Type
    /// What the dialect keeps.
    let messages: UnsafeMutableRawPointer
    let maximumStreams: UInt32
    let headerBombBytes: UInt32
    private let stallTimeout: UInt64
    /// Frames other than DATA that may wait to be sent.
    let maximumBacklog: Int
    var budget: FrameBudget
    /// Decoded size of the header block that is being received (RFC 9113 §6.5.2): one at a time per connection (§4.3).
    var headSize: UInt32 = 0
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
        _ role: MultiplexedSession.Role, _ limits: some SessionLimits, owner: UnsafeMutableRawPointer, handlers: any StreamHandlers.Type,
        dialect: any SessionDialect.Type, messages: UnsafeMutableRawPointer, now: UInt64
    ) {
        self.role = role
        self.owner = owner
        self.handlers = handlers
        self.dialect = dialect
        self.messages = messages
        maximumStreams = limits.maximumStreams
        headerBombBytes = limits.headerBombBytes
        maximumBacklog = limits.maximumBacklog
        stallTimeout = limits.stallTimeout
        budget = FrameBudget(limits.floods)
        budget.advance(to: now)
    }

    /// Makes nghttp2's session, with `address` for its callbacks, and submits SETTINGS and the connection's window.
    mutating func start(_ address: UnsafeMutablePointer<SessionState>, _ limits: some SessionLimits) {
        let option = SessionOptions.make(limits)
        defer { nghttp2_option_del(option) }
        let made =
            switch role {
            case .client: nghttp2_session_client_new2(&session, SessionCallbacks.shared, address, option)
            case .server: nghttp2_session_server_new2(&session, SessionCallbacks.shared, address, option)
            }
        precondition(made == 0, "out of memory")
        var settings = SessionOptions.settings(limits)
        if role == .client {
            settings.append(SessionOptions.entry(NGHTTP2_SETTINGS_ENABLE_PUSH, 0))
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

    // MARK: Peers that do not read

    /// Whether the peer lets so much wait that no more may be added for it.
    var isBacklogged: Bool { nghttp2_session_get_outbound_queue_size(session) > maximumBacklog }

    mutating func checkBacklog() {
        if isBacklogged { fail(.unreadOutput) }
    }

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
        } else if budget.now &- since > stallTimeout {
            fail(.stalled)
        }
    }
}
