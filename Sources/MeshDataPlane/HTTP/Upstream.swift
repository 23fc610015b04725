internal import MeshProtocols
internal import MeshRuntime
internal import MeshTypes

/// What connections to an endpoint are shared by: one source identity at one address, within one worker.
struct UpstreamKey: Hashable {
    let source: ServiceID
    /// The callee sees it, so callers of other addresses have connections of their own.
    let sourceIP: IPAddress
    let endpoint: SocketAddress
    /// Copies of requests keep to connections of their own, so that none stands in a caller's way.
    let isShadow: Bool

    /// What is not hashed is told by `==`.
    func hash(into hasher: inout Hasher) {
        hasher.combine(source)
        hasher.combine(sourceIP)
        hasher.combine(endpoint)
    }
}

/// The HTTP side of a connection to an endpoint; a `Flow` carries its bytes.
struct Upstream: BitwiseCopyable {
    let key: UpstreamKey
    var flow: SlabHandle
    /// Whose request it serves; `.none` while it waits in the pool, or serves many.
    var caller: SlabHandle
    /// What carries the requests of many, in HTTP/2; `.none` for one after the other.
    var session = SlabHandle.none
    /// The start of an answer's head.
    var input = ByteQueue()
    var scanner = HeadScanner()
    /// nil until the answer's head has come.
    var body: BodyProgress?
    var keepsAlive = true
    /// It served another request before: its far end may be about to close it.
    var isReused = false
    var idleSince: UInt64 = 0
    /// Bytes of answers from a tunnel that the caller has not taken: their credit is withheld.
    var waiting = 0
}

/// Connections to endpoints that wait for the next request, the last used first.
struct UpstreamPool {
    private var idle: [UpstreamKey: [SlabHandle]] = [:]

    /// Connections that one key keeps.
    private static let maximumIdle = 128

    /// - Returns: false when there are enough already.
    mutating func put(_ handle: SlabHandle, _ key: UpstreamKey) -> Bool {
        guard idle[key, default: []].count < Self.maximumIdle else { return false }
        idle[key, default: []].append(handle)
        return true
    }

    mutating func take(_ key: UpstreamKey) -> SlabHandle? { idle[key]?.popLast() }

    mutating func remove(_ handle: SlabHandle, _ key: UpstreamKey) {
        guard var handles = idle[key], let index = handles.lastIndex(of: handle) else { return }
        handles.remove(at: index)
        idle[key] = handles.isEmpty ? nil : handles
    }
}
