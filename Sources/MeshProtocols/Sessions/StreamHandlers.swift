/// A stream of one connection (RFC 9113 §5.1.1).
package struct StreamID: Hashable, Sendable, BitwiseCopyable, RawRepresentable {
    package let rawValue: Int32
    package init(rawValue: Int32) { self.rawValue = rawValue }
}

/// What every session tells its owner, synchronously from `receive` and `nextOutput`, whatever its streams carry.
///
/// Static functions, so that a session holds nothing but a metatype: no retain, no release, no allocation per event. `owner` is
/// what the session was made with; `token` is the owner's name for a stream, never 0.
///
/// Handlers may call the session's functions, except `receive` and `nextOutput`. After the session's failure, and for a stream after
/// its last event, no handler is called.
package protocol StreamHandlers {
    typealias Owner = UnsafeMutableRawPointer

    /// Bytes of the stream, valid during the call; they count against both windows until consumed.
    static func data(_ owner: Owner, token: UInt64, _ bytes: UnsafeRawBufferPointer)
    /// The peer sends no more on this stream.
    static func end(_ owner: Owner, token: UInt64)
    /// The stream was aborted, by the peer or for a violation; `closed` follows.
    static func reset(_ owner: Owner, token: UInt64, _ code: HBONEErrorCode)
    /// The stream is gone.
    static func closed(_ owner: Owner, token: UInt64)
    /// The peer takes no new streams. Those above `lastStream` get `reset(.refusedStream)` and may be retried elsewhere.
    static func goAway(_ owner: Owner, lastStream: StreamID, _ code: HBONEErrorCode)
    /// The answer to `ping()`.
    static func pingAcknowledged(_ owner: Owner)
}
