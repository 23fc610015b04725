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

/// What a session of tunnels tells its owner, besides what every session does.
///
/// A stream's last event is one of: `closed`; `response` with a status other than 200; the owner's own `reset`, `refuse` or
/// `PullResult.reset`. After it the token is never used again and its slot may be freed.
package protocol HBONEHandlers: StreamHandlers {
    /// Server: a well-formed CONNECT came. The owner answers, now or later, with `accept` or `refuse`; it may get data before.
    /// - Returns: the stream's token, or 0 if it was refused at once.
    static func request(_ owner: Owner, stream: StreamID, _ request: borrowing ConnectRequest) -> UInt64
    /// Server: the session answered a request by itself (400, 405), for the owner's logs.
    static func rejected(_ owner: Owner, status: Int, reason: DenialReason)
    /// Client: the answer came. The tunnel stands when `status` is 200; otherwise this is the stream's last event.
    static func response(_ owner: Owner, token: UInt64, status: Int, reason: DenialReason)
    /// There is window for `buffer.count` bytes: fill it.
    static func pull(_ owner: Owner, token: UInt64, into buffer: UnsafeMutableRawBufferPointer) -> PullResult
}
