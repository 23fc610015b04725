/// The bounds of one HBONE connection.
package struct HBONELimits: Sendable, BitwiseCopyable {
    /// SETTINGS_MAX_CONCURRENT_STREAMS that we advertise, and how many we open at most.
    package var maximumStreams: UInt32 = 4096
    /// Bytes that a peer may send on one stream before it is consumed.
    package var streamWindow: Int32 = 4 << 20
    /// The same for all streams together: larger than a stream's, lest one stalled stream stop the others.
    package var connectionWindow: Int32 = 64 << 20
    /// Decoded header fields of one request or answer, as RFC 9113 §6.5.2 counts them (32 bytes more per field).
    package var maximumHeaderBytes: UInt32 = 16 << 10
    /// CONTINUATION frames behind one HEADERS frame.
    package var maximumContinuations = 4
    /// Entries in one SETTINGS frame.
    package var maximumSettingsEntries = 32
    /// SETTINGS and PING acknowledgements that may wait to be sent to a peer that does not read.
    package var maximumPendingAcknowledgements = 512
    /// How long the peer may leave us without connection window while we have something to send. Nanoseconds.
    package var stallTimeout: UInt64 = 300_000_000_000
    package var floods = FloodLimits()

    package init() {}

    /// Payload of one DATA frame: with the nine bytes of its header it fills one TLS record of 16 KiB.
    package static let dataPayload = 16_384 - 9
}

/// How many frames of a kind a peer may send within one `slice`; one more ends the connection.
package struct FloodLimits: Sendable, BitwiseCopyable {
    /// Nanoseconds.
    package var slice: UInt64 = 1_000_000_000
    package var settings: UInt32 = 32
    package var pings: UInt32 = 256
    /// Beyond the requests that we answered in the slice: who waits for the answer before aborting costs no more than a short
    /// connection does (CVE-2023-44487).
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
