/// What a pull gave.
package enum HTTP2Pull: Sendable, BitwiseCopyable {
    /// So many bytes were written, at least one, and more may come.
    case bytes(Int)
    /// So many bytes were written, perhaps none, and they are the last: the stream's sending side ends (END_STREAM).
    case last(Int)
    /// The same, but the trailers follow, which were given by `HTTP2Session.trailers` within this very pull.
    case lastBeforeTrailers(Int)
    /// Nothing now; `readyToSend` resumes.
    case later
    /// What was sent goes out, then RST_STREAM. Final for the stream.
    case reset(HBONEErrorCode)
}

/// What a session of requests tells its owner, besides what every session does.
///
/// Heads come and go in one form, that of HTTP/1.1: start line, `name: value` lines with names in lower case, an empty line; a request's
/// authority is its first field, `host`. Each is complete, well-formed, and valid during the call.
///
/// A stream's last event is one of: `closed`; the owner's own `reset` or `HTTP2Pull.reset`; 0 as the result of `request`. After it the
/// token is never used again and its slot may be freed. `closed` comes also after an answer without a body.
package protocol HTTP2Handlers: StreamHandlers {
    /// Server: a well-formed request came. The owner answers, now or later, with `respond`; it may get data before.
    /// - Parameter ends: no body follows, and `end` is not called.
    /// - Returns: the stream's token, or 0 if it was answered without a body or reset at once.
    static func request(_ owner: Owner, stream: StreamID, _ head: UnsafeRawBufferPointer, ends: Bool) -> UInt64
    /// Server: the session refused a request by itself: a malformed one (RST_STREAM), CONNECT (501), a head that is too large (431).
    static func rejected(_ owner: Owner)
    /// Client: the head of an answer, interim ones (1xx) too.
    /// - Parameter ends: no body follows, and `end` is not called.
    static func response(_ owner: Owner, token: UInt64, _ head: UnsafeRawBufferPointer, ends: Bool)
    /// Trailers came: `name: value` lines and an empty one. `end` follows.
    static func trailers(_ owner: Owner, token: UInt64, _ fields: UnsafeRawBufferPointer)
    /// There is window for `buffer.count` bytes: fill it.
    static func pull(_ owner: Owner, token: UInt64, into buffer: UnsafeMutableRawBufferPointer) -> HTTP2Pull
}
