internal import CNGHTTP2

/// What a session of requests keeps besides its streams.
struct HTTP2Messages: ~Copyable {
    let handlers: any HTTP2Handlers.Type
    /// The head that is being received.
    var incoming: CanonicalHead
    /// The head that is being sent.
    var outgoing = FieldList()
    /// Trailers were given within the pull that is under way.
    var hasTrailers = false

    init(handlers: any HTTP2Handlers.Type, maximumHeaderBytes: UInt32) {
        self.handlers = handlers
        incoming = CanonicalHead(maximumSize: maximumHeaderBytes)
    }
}

/// Streams that are requests and answers.
enum MessageDialect: SessionDialect {
    private static func messages(_ state: State) -> UnsafeMutablePointer<HTTP2Messages> {
        state.pointee.messages.assumingMemoryBound(to: HTTP2Messages.self)
    }

    // MARK: Receiving

    static func headBegan(_ category: nghttp2_headers_category, _ state: State) {
        // A server's answer may be an interim one, and only its fields tell the next one from trailers.
        let kind: CanonicalHead.Kind =
            state.pointee.role == .client ? .response : category == NGHTTP2_HCAT_REQUEST ? .request : .trailers
        messages(state).pointee.incoming.begin(kind)
    }

    static func field(_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer, _ state: State) {
        messages(state).pointee.incoming.add(name, value)
    }

    static func headRefused(_ category: nghttp2_headers_category, _ state: State) {
        if state.pointee.role == .server, category == NGHTTP2_HCAT_REQUEST { rejected(state) }
    }

    static func headEnded(_ category: nghttp2_headers_category, _ stream: Int32, ends: Bool, _ state: State) {
        let outcome = messages(state).pointee.incoming.finish()
        if state.pointee.role == .server, category == NGHTTP2_HCAT_REQUEST {
            requested(outcome, stream, ends: ends, state)
        } else {
            let token = state.pointee.token(of: stream)
            guard token != 0 else { return }
            let head = messages(state).pointee.incoming.bytes
            let handlers = messages(state).pointee.handlers
            switch outcome {
            case .response: handlers.response(state.pointee.owner, token: token, head, ends: ends)
            case .trailers where ends && category == NGHTTP2_HCAT_HEADERS:
                handlers.trailers(state.pointee.owner, token: token, head)
                SessionEvents.ended(stream, state)
            case .request, .connect, .trailers, .tooLarge, .malformed: malformed(stream, state)
            }
        }
        messages(state).pointee.incoming.trim()
    }

    private static func requested(_ outcome: CanonicalHead.Outcome, _ stream: Int32, ends: Bool, _ state: State) {
        switch outcome {
        case .request:
            let token = messages(state).pointee.handlers.request(
                state.pointee.owner, stream: StreamID(rawValue: stream), messages(state).pointee.incoming.bytes, ends: ends)
            if token != 0 { state.pointee.setToken(token, of: stream) }
        case .connect: refuse(stream, "501", state)
        case .tooLarge: refuse(stream, "431", state)
        case .response, .trailers, .malformed:
            malformed(stream, state)
            rejected(state)
        }
    }

    /// The owner hears of it when the stream closes.
    private static func malformed(_ stream: Int32, _ state: State) {
        state.pointee.abort(stream, .protocolError)
        state.pointee.count(.invalid)
    }

    private static func rejected(_ state: State) { messages(state).pointee.handlers.rejected(state.pointee.owner) }

    /// Answers a request that the owner shall not see.
    private static func refuse(_ stream: Int32, _ status: StaticString, _ state: State) {
        messages(state).pointee.outgoing.answer(status)
        _ = messages(state).pointee.outgoing.withEntries {
            nghttp2_submit_response(state.pointee.session, stream, $0, $1, nil)
        }
        state.pointee.count(.invalid)
        rejected(state)
    }

    // MARK: Sending

    static func pull(_ stream: Int32, _ token: UInt64, into buffer: UnsafeMutableRawBufferPointer, _ state: State) -> HTTP2Pull {
        messages(state).pointee.hasTrailers = false
        let pulled = messages(state).pointee.handlers.pull(state.pointee.owner, token: token, into: buffer)
        if case .lastBeforeTrailers(let count) = pulled, !messages(state).pointee.hasTrailers { return .last(count) }
        return pulled
    }
}
