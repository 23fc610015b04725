internal import CNGHTTP2

/// What the streams of a session carry: how heads are read, and how the owner's bytes become DATA. Functions on the state's address,
/// as handlers may call back into the session.
protocol SessionDialect {
    typealias State = UnsafeMutablePointer<SessionState>

    /// A header block begins: a request, an answer or trailers.
    static func headBegan(_ category: nghttp2_headers_category, _ state: State)
    /// One of its fields.
    static func field(_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer, _ state: State)
    /// The block is whole, and well-formed as far as nghttp2 looks.
    /// - Parameter ends: END_STREAM came with it.
    static func headEnded(_ category: nghttp2_headers_category, _ stream: Int32, ends: Bool, _ state: State)
    /// nghttp2 found the block malformed; it resets the stream.
    static func headRefused(_ category: nghttp2_headers_category, _ state: State)
    static func pull(_ stream: Int32, _ token: UInt64, into buffer: UnsafeMutableRawBufferPointer, _ state: State) -> HTTP2Pull
}
