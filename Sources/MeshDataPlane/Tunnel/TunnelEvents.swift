internal import MeshProtocols
internal import MeshRuntime
internal import MeshTypes

/// What a tunnel's HTTP/2 session tells: found the tunnel by `owner`, the flow by `token`, and on to the worker.
enum TunnelEvents: HBONEHandlers {
    @inline(__always)
    private static func with(_ owner: Owner, _ token: UInt64, _ body: (Tunnel, SlabHandle, UnsafeMutablePointer<Flow>) -> Void) {
        Unmanaged<Tunnel>.fromOpaque(owner)._withUnsafeGuaranteedRef { tunnel in
            let handle = SlabHandle(rawValue: token)
            guard let flow = tunnel.worker.flows.find(handle) else { return }
            body(tunnel, handle, flow)
        }
    }

    /// The stream is the tunnel's health feed.
    @inline(__always)
    private static func withFeed(_ owner: Owner, _ body: (Tunnel) -> Void) {
        Unmanaged<Tunnel>.fromOpaque(owner)._withUnsafeGuaranteedRef { body($0) }
    }

    static func request(_ owner: Owner, stream: StreamID, _ request: borrowing ConnectRequest) -> UInt64 {
        let tunnel = Unmanaged<Tunnel>.fromOpaque(owner).takeUnretainedValue()
        if request.authority == HealthFeed.authority { return tunnel.worker.beginFeed(tunnel, stream) }
        return tunnel.worker.beginIncoming(tunnel, stream, copy request)
    }

    static func rejected(_ owner: Owner, status: Int, reason: DenialReason) {
        let tunnel = Unmanaged<Tunnel>.fromOpaque(owner).takeUnretainedValue()
        tunnel.worker.recordRejected(tunnel, reason)
    }

    static func response(_ owner: Owner, token: UInt64, status: Int, reason: DenialReason) {
        if token == TunnelFeed.token { return withFeed(owner) { $0.worker.feedAnswered($0, status: status) } }
        with(owner, token) { tunnel, handle, flow in
            tunnel.worker.streamAnswered(handle, flow, tunnel, status: status, reason: reason)
        }
    }

    static func data(_ owner: Owner, token: UInt64, _ bytes: UnsafeRawBufferPointer) {
        if token == TunnelFeed.token { return withFeed(owner) { $0.worker.feedData($0, bytes) } }
        Unmanaged<Tunnel>.fromOpaque(owner)._withUnsafeGuaranteedRef { tunnel in
            tunnel.worker.streamData(SlabHandle(rawValue: token), tunnel, bytes)
        }
    }

    static func end(_ owner: Owner, token: UInt64) {
        with(owner, token) { tunnel, handle, flow in tunnel.worker.streamEnded(handle, flow) }
    }

    static func reset(_ owner: Owner, token: UInt64, _ code: HBONEErrorCode) {
        with(owner, token) { tunnel, handle, flow in tunnel.worker.streamReset(handle, flow, code) }
    }

    static func closed(_ owner: Owner, token: UInt64) {
        if token == TunnelFeed.token { return withFeed(owner) { $0.worker.feedClosed($0) } }
        with(owner, token) { tunnel, handle, flow in tunnel.worker.streamClosed(handle, flow) }
    }

    static func pull(_ owner: Owner, token: UInt64, into buffer: UnsafeMutableRawBufferPointer) -> PullResult {
        Unmanaged<Tunnel>.fromOpaque(owner)._withUnsafeGuaranteedRef { tunnel in
            if token == TunnelFeed.token { return tunnel.worker.pullFeed(tunnel, into: buffer) }
            return tunnel.worker.pull(SlabHandle(rawValue: token), into: buffer)
        }
    }

    static func goAway(_ owner: Owner, lastStream: StreamID, _ code: HBONEErrorCode) {
        let tunnel = Unmanaged<Tunnel>.fromOpaque(owner).takeUnretainedValue()
        // A peer may say it as often as it likes: what costs a search is done once.
        let isNews = !tunnel.isDraining
        tunnel.worker.retire(tunnel)
        if isNews, tunnel.isClient { tunnel.worker.endUnusedUpstreams(in: tunnel) }
    }

    static func pingAcknowledged(_ owner: Owner) {
        let tunnel = Unmanaged<Tunnel>.fromOpaque(owner).takeUnretainedValue()
        tunnel.pingSent = 0
    }
}
