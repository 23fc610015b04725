/// The bounds of one connection.
package protocol SessionLimits: Sendable, BitwiseCopyable {
    /// SETTINGS_MAX_CONCURRENT_STREAMS that we advertise, and how many we open at most.
    var maximumStreams: UInt32 { get }
    /// Bytes that a peer may send on one stream before it is consumed.
    var streamWindow: Int32 { get }
    /// The same for all streams together: larger than a stream's, lest one stalled stream stop the others.
    var connectionWindow: Int32 { get }
    /// Decoded header fields of one request or answer, as RFC 9113 §6.5.2 counts them (32 bytes more per field).
    var maximumHeaderBytes: UInt32 { get }
    /// The same, where the connection ends: more than this many bytes out of one block is no head but an attack.
    var headerBombBytes: UInt32 { get }
    /// CONTINUATION frames behind one HEADERS frame.
    var maximumContinuations: Int { get }
    /// Entries in one SETTINGS frame.
    var maximumSettingsEntries: Int { get }
    /// SETTINGS and PING acknowledgements that may wait to be sent to a peer that does not read.
    var maximumPendingAcknowledgements: Int { get }
    /// How long the peer may leave us without connection window while we have something to send. Nanoseconds.
    var stallTimeout: UInt64 { get }
    var floods: FloodLimits { get }
}

extension SessionLimits {
    package var headerBombBytes: UInt32 { maximumHeaderBytes }

    /// Frames other than DATA that may wait to be sent. A stream has an answer, trailers, a reset and a window update at most, but those of
    /// streams that are gone wait on when the peer does not read.
    var maximumBacklog: Int { 4 * Int(maximumStreams) + 2 * maximumPendingAcknowledgements }
}

/// How many frames of a kind a peer may send within one `slice`; one more ends the connection.
package struct FloodLimits: Sendable, BitwiseCopyable {
    /// Nanoseconds.
    package var slice: UInt64 = 1_000_000_000
    package var settings: UInt32 = 32
    package var pings: UInt32 = 256
    /// Beyond the requests that were answered (by a server) or made (by a client) in the slice: who waits for the answer before aborting
    /// costs no more than a short connection does (CVE-2023-44487).
    package var resets: UInt32 = 1_000
    package var emptyData: UInt32 = 256
    package var priorities: UInt32 = 1_024
    package var unknownFrames: UInt32 = 256
    /// Requests that are malformed, frames that are invalid, resets that these made us send (CVE-2025-8671).
    package var invalidFrames: UInt32 = 256
    /// Beyond `windowUpdatesPerData` for each DATA frame that we sent in the slice.
    package var windowUpdates: UInt32 = 8_192
    package var windowUpdatesPerData: UInt32 = 8

    package init() {}
}
