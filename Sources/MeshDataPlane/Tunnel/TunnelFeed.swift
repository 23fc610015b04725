internal import MeshProtocols

/// A tunnel's health feed: at most one, from the node that accepted the tunnel to the one that opened it. It counts as no stream and as no use of
/// the tunnel: one without flows is closed as if there were no feed.
struct TunnelFeed {
    enum Stage {
        case none
        /// The client has asked, and has no answer yet.
        case asked
        case reading
        case writing
        /// Refused, ended or broken: it is not asked for again in this tunnel.
        case over
    }

    /// The name of the feed's stream to the session. No flow's handle has the bits of a tag.
    static let token: UInt64 = 1 << 24

    var stage = Stage.none
    var stream = StreamID(rawValue: 0)
    /// The server says nothing more.
    var ends = false
    var reader = HealthFeedReader()
    var writer = HealthFeedWriter()
}
