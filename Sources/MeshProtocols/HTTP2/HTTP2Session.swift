internal import CNGHTTP2

/// One HTTP/2 connection of a workload (RFC 9113, prior knowledge), without I/O.
package final class HTTP2Session: MultiplexedSession {
    private let messages: UnsafeMutablePointer<HTTP2Messages>

    /// - Parameters:
    ///   - owner: handed to every handler; must outlive the session.
    ///   - now: nanoseconds of a monotonic clock.
    package init(
        role: Role, limits: HTTP2Limits = HTTP2Limits(), owner: UnsafeMutableRawPointer, handlers: any HTTP2Handlers.Type,
        now: UInt64
    ) {
        messages = .allocate(capacity: 1)
        messages.initialize(to: HTTP2Messages(handlers: handlers, maximumHeaderBytes: limits.maximumHeaderBytes))
        super.init(role, limits, owner: owner, handlers: handlers, dialect: MessageDialect.self, messages: messages, now: now)
    }

    deinit {
        messages.deinitialize(count: 1)
        messages.deallocate()
    }

    /// Client: makes a request. Fields of one connection only are left out, and the scheme is http.
    /// - Parameters:
    ///   - head: in the form that `HTTP2Handlers` describes; names may be in any case, and `host` may stand anywhere.
    ///   - hasBody: the stream will be pulled; otherwise the request ends with its head.
    /// - Returns: nil at the peer's or our limit of streams, when draining, or for a head that is not of that form.
    package func request(_ head: UnsafeRawBufferPointer, token: UInt64, hasBody: Bool) -> StreamID? {
        precondition(token != 0)
        guard state.pointee.canOpen, messages.pointee.outgoing.readRequest(head) else { return nil }
        let user = UnsafeMutableRawPointer(bitPattern: UInt(token))
        let stream = withProvider(hasBody, token) { provider in
            messages.pointee.outgoing.withEntries { nghttp2_submit_request(state.pointee.session, nil, $0, $1, provider, user) }
        }
        guard stream > 0 else { return nil }
        state.pointee.openStreams += 1
        return StreamID(rawValue: stream)
    }

    /// Server: answers. A head that is not of the form resets the stream (INTERNAL_ERROR).
    /// - Parameter hasBody: the stream will be pulled; otherwise the answer ends with its head, and a caller that still sends is told
    ///   to stop (RST_STREAM with NO_ERROR, RFC 9113 §8.1).
    package func respond(_ stream: StreamID, _ head: UnsafeRawBufferPointer, hasBody: Bool) {
        guard messages.pointee.outgoing.readResponse(head) else { return state.pointee.abort(stream.rawValue, .internalError) }
        withProvider(hasBody, state.pointee.token(of: stream.rawValue)) { provider in
            _ = messages.pointee.outgoing.withEntries {
                nghttp2_submit_response(state.pointee.session, stream.rawValue, $0, $1, provider)
            }
        }
    }

    /// Server: an interim answer (1xx). It is left out when the caller does not read: it may be (RFC 9110 §15.2), and nothing else
    /// bounds how many there are.
    package func inform(_ stream: StreamID, _ head: UnsafeRawBufferPointer) {
        guard !state.pointee.isBacklogged, messages.pointee.outgoing.readResponse(head) else { return }
        _ = messages.pointee.outgoing.withEntries {
            nghttp2_submit_headers(state.pointee.session, UInt8(NGHTTP2_FLAG_NONE.rawValue), stream.rawValue, nil, $0, $1, nil)
        }
    }

    /// To be called from within `pull`, before it returns `.lastBeforeTrailers`.
    /// - Parameter fields: `name: value` lines and an empty one. If it has no field the stream ends without trailers.
    package func trailers(_ stream: StreamID, _ fields: UnsafeRawBufferPointer) {
        guard messages.pointee.outgoing.readTrailers(fields) else { return }
        messages.pointee.hasTrailers = true
        _ = messages.pointee.outgoing.withEntries { nghttp2_submit_trailer(state.pointee.session, stream.rawValue, $0, $1) }
    }

    private func withProvider<Result>(
        _ hasBody: Bool, _ token: UInt64, _ body: (UnsafePointer<nghttp2_data_provider>?) -> Result
    ) -> Result {
        guard hasBody else { return body(nil) }
        var provider = SessionCallbacks.dataProvider(token: token)
        return body(&provider)
    }
}
