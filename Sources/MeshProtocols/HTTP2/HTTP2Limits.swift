/// The bounds of one HTTP/2 connection of a workload.
///
/// The windows bound what a daemon may have to keep for one connection whose other side is slow. Floods are bounded more widely than for
/// tunnels, since the peer is any program: gRPC measures the path with a PING per round trip, some servers send an empty DATA before trailers.
package struct HTTP2Limits: SessionLimits {
    package var maximumStreams: UInt32 = 1_000
    package var streamWindow: Int32 = 1 << 20
    package var connectionWindow: Int32 = 64 << 20
    package var maximumHeaderBytes: UInt32 = 64 << 10
    package var maximumContinuations = 8
    package var maximumSettingsEntries = 32
    package var maximumPendingAcknowledgements = 512
    package var stallTimeout: UInt64 = 300_000_000_000
    package var floods = HTTP2Limits.workloadFloods

    package init() {}

    /// Up to here only the request is refused (431), as with HTTP/1.1.
    package var headerBombBytes: UInt32 { maximumHeaderBytes &* 4 }

    private static var workloadFloods: FloodLimits {
        var floods = FloodLimits()
        floods.pings = 20_000
        floods.emptyData = 10_000
        floods.unknownFrames = 4_096
        return floods
    }
}
