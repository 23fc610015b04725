internal import MeshProtocols
internal import MeshRuntime
internal import MeshTypes

/// A caller's connection that speaks HTTP/1: its requests go to endpoints one by one.
struct Caller: BitwiseCopyable {
    enum Stage: UInt8, BitwiseCopyable {
        /// Between requests, or in the midst of a head.
        case head
        /// A request is being answered; pipelined ones wait.
        case exchange
        /// Nothing more is answered: what still comes is thrown away until the caller has closed, so that it gets the last answer.
        case closing
    }

    /// What all requests of the connection have in common.
    struct Origin: BitwiseCopyable {
        let source: ServiceID
        let workload: WorkloadID
        let sourceAddress: SocketAddress
        let destinationAddress: SocketAddress
        let destination: ServiceID
        /// The endpoint that the caller dialled; -1 for any of the service.
        let named: Int32
    }

    let origin: Origin
    var end: SocketEnd
    var stage = Stage.head
    /// Bytes that were read and not used yet.
    var input = ByteQueue()
    /// `input` has bytes that were not looked at yet; what was looked at is part of a head that is not whole.
    var hasUnreadInput = false
    var scanner = HeadScanner()
    var exchange = Exchange()
    /// When the head of a request began to come.
    var headSince: UInt64 = 0
    /// The earliest entry in the worker's timers that is known to be this connection's; 0 for none.
    var timerAt: UInt64 = 0
    /// It stands in the worker's list of those to be looked at at the end of the batch.
    var isResumed = false

    init(_ origin: Origin, socket: Int32) {
        self.origin = origin
        end = SocketEnd()
        end.socket = socket
    }
}

/// One request of a caller, from its head to the end of its answer, over as many attempts as it takes.
struct Exchange: BitwiseCopyable {
    enum Stage: UInt8, BitwiseCopyable {
        /// An endpoint is being connected to.
        case connecting
        /// The request is on its way; no byte of an answer has come.
        case sent
        /// The answer's head went to the caller: there is no way back.
        case answering
        /// Waits before the next attempt.
        case backingOff
    }

    var stage = Stage.connecting
    var method = HTTPMethod.other
    var isOldVersion = false
    /// The caller takes another request on the connection.
    var keepsAlive = false
    /// The caller asked to change protocols.
    var asksUpgrade = false
    /// How far the caller's body has come.
    var body = BodyProgress(.none)
    /// The head as endpoints get it.
    var head = ByteQueue()
    /// What was passed on of the body, to be sent again; given up beyond `replayLimit`.
    var replay = ByteQueue()
    var isReplayable = true
    /// The flow to the endpoint; `.none` while there is none.
    var upstream = SlabHandle.none
    /// A byte of the request may have reached the endpoint in this attempt.
    var mayHaveArrived = false
    var started: UInt64 = 0
    var deadline: UInt64 = 0
    /// When a waiting attempt may start.
    var retryAt: UInt64 = 0
    /// Endpoints that were tried: a bit for each index modulo 64.
    var tried: UInt64 = 0
    var attempts: UInt8 = 0
    var isRetry = false
    /// It counts as outstanding at its endpoint.
    var isCounted = false
    var record = FlowRecord()

    /// Bytes of a body that are kept for another attempt.
    static let replayLimit = 64 << 10

    mutating func free() {
        head.free()
        replay.free()
    }
}
