internal import MeshProtocols
internal import MeshRuntime

/// A connection to an endpoint that speaks HTTP/2: shared by the requests of one caller's service and address, each on a stream of its own.
/// A `Flow` carries its bytes.
final class EndpointSession {
    /// Bytes of answers that callers have not taken, before the connection's window closes.
    private static let maximumBacklog = 64 << 20
    /// Requests that may wait for one connection to come up: nghttp2 opens as many streams before it knows how many the endpoint permits.
    static let maximumWaiting = 100
    /// Connections that one key may have: each serves as many streams as its endpoint permits.
    static let maximumPerKey = 64

    let worker: Worker
    let handle: SlabHandle
    let key: UpstreamKey
    /// Set when the flow is there.
    var flow = SlabHandle.none
    /// nil until the endpoint is connected.
    private(set) var http2: HTTP2Session?
    /// Callers whose requests wait for the connection.
    var waiting: [SlabHandle] = []
    /// In the worker's list of sessions to flush.
    var isDirty = false
    /// It takes no new requests, and is closed with its last one.
    var isRetired = false
    var lastUsed: UInt64
    var backlog = Backlog(limit: EndpointSession.maximumBacklog)

    init(_ worker: Worker, _ handle: SlabHandle, _ key: UpstreamKey) {
        self.worker = worker
        self.handle = handle
        self.key = key
        lastUsed = worker.now
    }

    func connected() {
        http2 = HTTP2Session(
            role: .client, owner: Unmanaged.passUnretained(self).toOpaque(), handlers: EndpointEvents.self, now: worker.now)
    }

    /// Requests are on it, or wait for it.
    var isUsed: Bool { http2.map { $0.openStreams > 0 } ?? !waiting.isEmpty }

    /// Another request may be given to it.
    var takesRequests: Bool {
        guard !isRetired else { return false }
        return http2?.canOpen ?? (waiting.count < Self.maximumWaiting)
    }
}

/// What an endpoint's session tells: found the session by `owner`, the caller by `token`, and on to the worker.
enum EndpointEvents: HTTP2Handlers {
    private static func session(_ owner: Owner) -> EndpointSession {
        Unmanaged<EndpointSession>.fromOpaque(owner).takeUnretainedValue()
    }

    private static func with(
        _ owner: Owner, _ token: UInt64, _ body: (EndpointSession, SlabHandle, UnsafeMutablePointer<Caller>) -> Void
    ) {
        let session = session(owner)
        let handle = SlabHandle(rawValue: token)
        guard let caller = session.worker.callers.find(handle), caller.pointee.stage == .exchange,
            caller.pointee.exchange.upstream == session.flow
        else { return }
        body(session, handle, caller)
    }

    /// A client gets none.
    static func request(_ owner: Owner, stream: StreamID, _ head: UnsafeRawBufferPointer, ends: Bool) -> UInt64 { 0 }
    static func rejected(_ owner: Owner) {}

    static func response(_ owner: Owner, token: UInt64, _ head: UnsafeRawBufferPointer, ends: Bool) {
        with(owner, token) { session, handle, caller in session.worker.takeStreamHead(session, handle, caller, head, ends: ends) }
    }

    static func data(_ owner: Owner, token: UInt64, _ bytes: UnsafeRawBufferPointer) {
        let session = session(owner)
        session.worker.takeStreamBody(session, SlabHandle(rawValue: token), bytes)
    }

    static func trailers(_ owner: Owner, token: UInt64, _ fields: UnsafeRawBufferPointer) {
        with(owner, token) { _, _, caller in caller.pointee.trailers.append(fields) }
    }

    static func end(_ owner: Owner, token: UInt64) {
        with(owner, token) { session, handle, caller in session.worker.finishStreamAnswer(session, handle, caller) }
    }

    static func reset(_ owner: Owner, token: UInt64, _ code: HBONEErrorCode) {
        with(owner, token) { session, handle, caller in session.worker.streamLost(handle, caller, code) }
    }

    static func closed(_ owner: Owner, token: UInt64) {
        with(owner, token) { session, handle, caller in session.worker.streamLost(handle, caller, .internalError) }
    }

    static func pull(_ owner: Owner, token: UInt64, into buffer: UnsafeMutableRawBufferPointer) -> HTTP2Pull {
        let session = session(owner)
        return session.worker.pullRequest(session, SlabHandle(rawValue: token), into: buffer)
    }

    static func goAway(_ owner: Owner, lastStream: StreamID, _ code: HBONEErrorCode) {
        let session = session(owner)
        session.worker.retire(session)
    }

    static func pingAcknowledged(_ owner: Owner) {}
}
