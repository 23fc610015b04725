package import MeshTypes

/// What a pull gave.
package enum PullResult: Sendable, BitwiseCopyable {
    /// So many bytes were written, at least one, and more may come.
    case bytes(Int)
    /// So many bytes were written, perhaps none, and they are the last: the stream's sending side ends (END_STREAM).
    case last(Int)
    /// Nothing now; `readyToSend` resumes.
    case later
    /// What was sent goes out, then RST_STREAM. Final for the stream.
    case reset(HBONEErrorCode)
}

/// What a session tells its owner, synchronously from `receive` and `nextOutput`.
///
/// Static functions, so that a session holds nothing but a metatype: no retain, no release, no allocation per event. `owner` is
/// what the session was made with; `token` is the owner's name for a stream, never 0.
///
/// A stream's last event is one of: `closed`; `response` with a status other than 200; the owner's own `reset`, `refuse` or
/// `PullResult.reset`. After it the token is never used again and its slot may be freed. Handlers may call the session's functions,
/// except `receive` and `nextOutput`.
package protocol HBONEHandlers {
    typealias Owner = UnsafeMutableRawPointer

    /// Server: a well-formed CONNECT came. The owner answers, now or later, with `accept` or `refuse`.
    /// - Returns: the stream's token, or 0 if it was refused at once.
    static func request(_ owner: Owner, stream: StreamID, _ request: borrowing ConnectRequest) -> UInt64
    /// Server: the session answered a request by itself (400, 405), for the owner's logs.
    static func rejected(_ owner: Owner, status: Int, reason: DenialReason)
    /// Client: the answer came. The tunnel stands when `status` is 200; otherwise this is the stream's last event.
    static func response(_ owner: Owner, token: UInt64, status: Int, reason: DenialReason)
    /// Bytes of the stream, valid during the call; they count against both windows until consumed. A server may get them before
    /// it has accepted.
    static func data(_ owner: Owner, token: UInt64, _ bytes: UnsafeRawBufferPointer)
    /// The peer sends no more on this stream.
    static func end(_ owner: Owner, token: UInt64)
    /// The stream was aborted, by the peer or for a violation; `closed` follows.
    static func reset(_ owner: Owner, token: UInt64, _ code: HBONEErrorCode)
    /// The stream is gone.
    static func closed(_ owner: Owner, token: UInt64)
    /// There is window for `buffer.count` bytes: fill it.
    static func pull(_ owner: Owner, token: UInt64, into buffer: UnsafeMutableRawBufferPointer) -> PullResult
    /// The peer takes no new streams. Those above `lastStream` get `reset(.refusedStream)` and may be retried elsewhere.
    static func goAway(_ owner: Owner, lastStream: StreamID, _ code: HBONEErrorCode)
    /// The answer to `ping()`.
    static func pingAcknowledged(_ owner: Owner)
}
