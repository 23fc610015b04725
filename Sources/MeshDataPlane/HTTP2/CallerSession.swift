internal import MeshProtocols
internal import MeshRuntime

/// A caller's connection that speaks HTTP/2: each of its streams is a caller of its own.
final class CallerSession {
    /// Bytes of requests that endpoints have not taken, before the connection's window closes.
    private static let maximumBacklog = 16 << 20

    let worker: Worker
    let handle: SlabHandle
    let origin: Caller.Origin
    var end = SocketEnd()
    /// Set by `init`, and never again: it must know where its owner is.
    private(set) var http2: HTTP2Session!
    /// Streams that have a caller.
    var callers = 0
    /// A stream came once, and since when there is none (monotonic nanoseconds; 0 while there is).
    var hasAsked = false
    var silentSince: UInt64 = 0
    /// In the worker's list of sessions to flush.
    var isDirty = false
    /// Streams whose answer left before their request was whole: the caller need not send the rest (RFC 9113 §8.1).
    var unfinished: [StreamID] = []
    var backlog = Backlog(limit: CallerSession.maximumBacklog)

    init(_ worker: Worker, _ handle: SlabHandle, _ origin: Caller.Origin, socket: Int32) {
        self.worker = worker
        self.handle = handle
        self.origin = origin
        end.socket = socket
        http2 = HTTP2Session(
            role: .server, owner: Unmanaged.passUnretained(self).toOpaque(), handlers: CallerEvents.self, now: worker.now)
    }

    /// So many bytes of a request went on, or nobody wants them: the caller may send as many again.
    func consumed(_ stream: StreamID, _ count: Int, wasWaiting: Bool) {
        guard count > 0 else { return }
        http2.consumed(stream, count)
        if wasWaiting { http2.consumedConnection(backlog.release(count)) }
        worker.markDirty(self)
    }
}

/// What a caller's session tells: found the session by `owner`, the caller by `token`, and on to the worker.
enum CallerEvents: HTTP2Handlers {
    private static func session(_ owner: Owner) -> CallerSession { Unmanaged<CallerSession>.fromOpaque(owner).takeUnretainedValue() }

    private static func with(
        _ owner: Owner, _ token: UInt64, _ body: (CallerSession, SlabHandle, UnsafeMutablePointer<Caller>) -> Void
    ) {
        let session = session(owner)
        let handle = SlabHandle(rawValue: token)
        guard let caller = session.worker.callers.find(handle) else { return }
        body(session, handle, caller)
    }

    static func request(_ owner: Owner, stream: StreamID, _ head: UnsafeRawBufferPointer, ends: Bool) -> UInt64 {
        let session = session(owner)
        return session.worker.beginStream(session, stream, head, ends: ends)
    }

    static func rejected(_ owner: Owner) {
        let session = session(owner)
        session.worker.recordRejected(session.origin)
    }

    /// A server gets none.
    static func response(_ owner: Owner, token: UInt64, _ head: UnsafeRawBufferPointer, ends: Bool) {}

    static func data(_ owner: Owner, token: UInt64, _ bytes: UnsafeRawBufferPointer) {
        let session = session(owner)
        session.worker.takeRequestBody(session, SlabHandle(rawValue: token), bytes)
    }

    static func trailers(_ owner: Owner, token: UInt64, _ fields: UnsafeRawBufferPointer) {
        with(owner, token) { _, _, caller in caller.pointee.requestTrailers.append(fields) }
    }

    static func end(_ owner: Owner, token: UInt64) {
        with(owner, token) { session, handle, caller in session.worker.requestEnded(handle, caller) }
    }

    static func reset(_ owner: Owner, token: UInt64, _ code: HBONEErrorCode) {
        with(owner, token) { session, handle, caller in session.worker.abandonCaller(handle, caller) }
    }

    /// A stream's caller goes with its answer.
    static func closed(_ owner: Owner, token: UInt64) {
        with(owner, token) { session, handle, caller in session.worker.abandonCaller(handle, caller) }
    }

    static func pull(_ owner: Owner, token: UInt64, into buffer: UnsafeMutableRawBufferPointer) -> HTTP2Pull {
        let session = session(owner)
        return session.worker.pullAnswer(session, SlabHandle(rawValue: token), into: buffer)
    }

    static func goAway(_ owner: Owner, lastStream: StreamID, _ code: HBONEErrorCode) {}
    static func pingAcknowledged(_ owner: Owner) {}
}
