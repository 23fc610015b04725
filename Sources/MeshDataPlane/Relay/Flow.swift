internal import MeshBalancing
internal import MeshResilience
internal import MeshRuntime
internal import MeshTypes

/// One connection of a workload, as one worker carries it.
struct Flow: BitwiseCopyable {
    enum Kind: UInt8, BitwiseCopyable {
        /// Caller and callee on this node: two sockets.
        case local
        /// The caller's socket and a stream to another node.
        case outgoing
        /// A stream from another node and the callee's socket.
        case incoming
    }

    enum Stage: UInt8, BitwiseCopyable {
        /// The callee's endpoint is being connected to, or the stream's answer is awaited.
        case connecting
        case relaying
        /// A reset came: what was received before is still written, then the socket is reset.
        case resetting
    }

    var kind: Kind
    var stage = Stage.connecting
    /// The caller's socket (`local`, `outgoing`), or the callee's (`incoming`).
    var near = SocketEnd()
    /// The callee's socket of a `local` flow.
    var far = SocketEnd()
    var tunnel = SlabHandle.none
    /// The HTTP side, of a connection that requests are sent on; the near end is the worker itself then, and has no socket.
    var upstream = SlabHandle.none
    /// Looks at the requests of an incoming stream; `.none` where all are permitted.
    var gate = SlabHandle.none
    /// Bytes of requests that the tunnel did not take yet.
    var outbound = ByteQueue()
    /// The last bytes went to the callee: its answer is awaited. Of streams only.
    var awaitsAnswer = false
    /// The bytes that had passed when it was last looked at whether anything moves, and when that had changed.
    var observed: UInt64 = 0
    var observedAt: UInt64 = 0
    /// Nobody uses it any more: its stream ends in order, and what still comes is thrown away.
    var ends = false
    /// 0 while there is no stream.
    var stream: Int32 = 0
    /// The stream was ended by the peer, or gone altogether.
    var streamEnded = false
    var tried = TriedEndpoints()
    var attempts: UInt8 = 0
    /// The endpoint that it counts at.
    var ticket = EndpointTicket.none
    /// Monotonic nanoseconds of the start, and of the present attempt.
    var started: UInt64
    var attemptStarted: UInt64 = 0
    /// Of a connection that changed its protocol: whether anything moves, and when it ends at the latest.
    var idle = IdleWatch.off
    var until = UInt64.max
    /// What the log says of it when it ends by a reset.
    var resetReason = DenialReason.reset
    /// Since when its endpoint is nobody's on this node; 0 while it is one.
    var orphanedSince: UInt64 = 0
    /// It carries requests, and was opened under rules on single operations.
    var isRestricted = false
    /// It carries requests, and takes no more of them: the rules that it was opened under are gone.
    var isOutdated = false
    /// The endpoint that the caller named; nil for any of the service.
    var named: SocketAddress?
    var record = FlowRecord()

    init(_ kind: Kind, started: UInt64) {
        self.kind = kind
        self.started = started
    }
}

/// What an epoll token means; it stands in bits 24–31.
enum TokenTag: UInt64 {
    case near = 0
    case far = 1
    case tunnel = 2
    case captureListener = 3
    case tunnelListener = 4
    case mailbox = 5
    case caller = 6
    case callerSession = 7

    static let mask: UInt64 = 0xff00_0000

    func token(_ handle: SlabHandle) -> UInt64 { handle.rawValue | rawValue << 24 }
    init?(token: UInt64) { self.init(rawValue: (token & Self.mask) >> 24) }
}

extension SlabHandle {
    init(token: UInt64) { self.init(rawValue: token & ~TokenTag.mask) }
}
