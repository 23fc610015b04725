internal import CNGHTTP2
internal import MeshTypes

/// What a session of tunnels keeps besides its streams.
struct TunnelMessages {
    let handlers: any HBONEHandlers.Type
    /// The head that is being received.
    var head = MessageHead()
}

/// Streams that are tunnels: CONNECT opens one, and 200 confirms it.
enum TunnelDialect: SessionDialect {
    private static func tunnels(_ state: State) -> UnsafeMutablePointer<TunnelMessages> {
        state.pointee.messages.assumingMemoryBound(to: TunnelMessages.self)
    }

    static func headBegan(_ category: nghttp2_headers_category, _ state: State) { tunnels(state).pointee.head = MessageHead() }

    static func field(_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer, _ state: State) {
        tunnels(state).pointee.head.add(name: name, value: value)
    }

    static func headRefused(_ category: nghttp2_headers_category, _ state: State) {}

    static func headEnded(_ category: nghttp2_headers_category, _ stream: Int32, ends: Bool, _ state: State) {
        switch state.pointee.role {
        case .server: if category == NGHTTP2_HCAT_REQUEST { requested(stream, state) }
        case .client: answered(stream, state)
        }
        if ends { SessionEvents.ended(stream, state) }
    }

    private static func answered(_ stream: Int32, _ state: State) {
        let head = tunnels(state).pointee.head
        let token = state.pointee.token(of: stream)
        // Trailers have no status; interim answers say nothing about the tunnel.
        guard head.status >= 200, token != 0 else { return }
        if head.status != 200 { state.pointee.reset(StreamID(rawValue: stream), .cancel) }
        tunnels(state).pointee.handlers.response(state.pointee.owner, token: token, status: head.status, reason: head.reason)
    }

    private static func requested(_ stream: Int32, _ state: State) {
        let id = StreamID(rawValue: stream)
        let handlers = tunnels(state).pointee.handlers
        if let request = tunnels(state).pointee.head.request {
            let token = handlers.request(state.pointee.owner, stream: id, request)
            if token != 0 { state.pointee.setToken(token, of: stream) }
            return
        }
        let status = tunnels(state).pointee.head.isConnect ? 400 : 405
        state.pointee.refuse(id, status: status, reason: .malformedRequest)
        state.pointee.count(.invalid)
        handlers.rejected(state.pointee.owner, status: status, reason: .malformedRequest)
    }

    static func pull(_ stream: Int32, _ token: UInt64, into buffer: UnsafeMutableRawBufferPointer, _ state: State) -> HTTP2Pull {
        switch tunnels(state).pointee.handlers.pull(state.pointee.owner, token: token, into: buffer) {
        case .bytes(let count): .bytes(count)
        case .last(let count): .last(count)
        case .later: .later
        case .reset(let code): .reset(code)
        }
    }
}
