internal import MeshBalancing
internal import MeshProtocols
internal import MeshResilience
internal import MeshRuntime
internal import MeshTypes

/// Who waits for answers: a caller's connection that speaks HTTP/1, or one stream of a connection that speaks HTTP/2. Its requests go to
/// endpoints one by one; a stream has a single one, and so has what stands for the copy of a request.
struct Caller: BitwiseCopyable {
    /// Where its answers go.
    enum Link: BitwiseCopyable {
        case socket
        case stream(session: SlabHandle, id: StreamID)
        /// Nowhere: it is a copy of a caller's request, sent on a stream or not.
        case nobody(isStream: Bool)
    }

    enum Stage: UInt8, BitwiseCopyable {
        /// Its protocol was not declared, and its first bytes have not told yet.
        case classifying
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
        /// The endpoint that the caller dialled; nil for any of the service.
        let named: SocketAddress?
    }

    let origin: Origin
    let link: Link
    /// Of a stream, which has no socket: what waits for it, and whether that is all.
    var end = SocketEnd()
    var stage = Stage.head
    /// Bytes that were read and not used yet.
    var input = ByteQueue()
    /// `input` has bytes that were not looked at yet; what was looked at is part of a head that is not whole.
    var hasUnreadInput = false
    var scanner = HeadScanner()
    var emptyLines = EmptyLines()
    var exchange = Exchange()
    /// When the connection was accepted; 0 once it has asked something, and of streams.
    var freshSince: UInt64 = 0
    /// When its last request had been answered; 0 before.
    var idleSince: UInt64 = 0
    /// When the head of a request began to come.
    var headSince: UInt64 = 0
    /// The earliest entry in the worker's timers that is known to be this connection's; 0 for none.
    var timerAt: UInt64 = 0
    /// It stands in the worker's list of those to be looked at at the end of the batch.
    var isResumed = false
    /// The first bytes told that it is HTTP/1.
    var isVersionKnown = false
    /// Of a stream: its request has come to its end.
    var requestEnded = false
    /// Of a stream: it ended with the answer's head.
    var hasAnswered = false
    /// Of a stream: what follows the request's body, and the answer's.
    var requestTrailers = ByteQueue()
    var trailers = ByteQueue()

    init(_ origin: Origin, _ end: SocketEnd) {
        self.origin = origin
        link = .socket
        self.end = end
    }

    init(_ origin: Origin, session: SlabHandle, stream: StreamID) {
        self.origin = origin
        link = .stream(session: session, id: stream)
    }

    /// Who stands for a copy of the request that `original` is having answered; the exchange is still to be filled in.
    init(copyOf original: Caller, to target: ServiceID) {
        let origin = original.origin
        self.origin = Origin(
            source: origin.source, workload: origin.workload, sourceAddress: origin.sourceAddress,
            destinationAddress: origin.destinationAddress, destination: target, named: nil)
        link = .nobody(isStream: original.isStream)
        stage = .exchange
        requestEnded = true
        requestTrailers.append(original.requestTrailers.readable)
    }

    /// Its requests go on streams of HTTP/2.
    var isStream: Bool {
        switch link {
        case .socket: false
        case .stream: true
        case .nobody(let isStream): isStream
        }
    }

    var isCopy: Bool {
        switch link {
        case .socket, .stream: false
        case .nobody: true
        }
    }

    mutating func free() {
        input.free()
        exchange.free()
        requestTrailers.free()
        trailers.free()
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
        /// Waits before the next attempt, or for as long as an injected fault delays it.
        case backingOff
        /// Waits until another request of its service has ended, or for a lease of a rate that all nodes share.
        case queued
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
    /// What the policy changes in the fields of the answer (`HeaderChanges.encoded`); nothing as a rule.
    var answerChanges = ByteQueue()
    /// What was passed on of the body, to be sent again; given up beyond `replayLimit`.
    var replay = ByteQueue()
    var isReplayable = true
    /// The flow to the endpoint; `.none` while there is none.
    var upstream = SlabHandle.none
    /// The stream in that flow, where it carries several requests; 0 while there is none.
    var stream: Int32 = 0
    /// Bytes of `replay` that went out in this attempt.
    var replayed = 0
    /// Nanoseconds until the answer's head came.
    var latency: UInt64 = 0
    /// Its answers tell by `grpc-status` how it went.
    var isGRPC = false
    /// A byte of the request may have reached the endpoint in this attempt.
    var mayHaveArrived = false
    var rules = ExchangeRules()
    var admission = ExchangeAdmission()
    var started: UInt64 = 0
    var deadline: UInt64 = 0
    /// When a waiting attempt may start, or a queued one gives up.
    var retryAt: UInt64 = 0
    /// When this attempt's answer must have begun; `.max` for as long as there is time.
    var attemptEnds = UInt64.max
    /// Whether anything moves, once the request is on its way.
    var idle = IdleWatch.off
    var tried = TriedEndpoints()
    var attempts: UInt8 = 0
    var isRetry = false
    /// The endpoint that it counts at.
    var ticket = EndpointTicket.none
    /// This attempt goes on a connection that was used before: that it is closed says nothing of the endpoint.
    var isOnReused = false
    var record = FlowRecord()

    /// Bytes of a body that are kept for another attempt.
    static let replayLimit = 64 << 10

    /// When something is to be done about it though nothing has happened.
    var due: UInt64 {
        switch stage {
        case .backingOff, .queued: min(deadline, retryAt)
        case .connecting: min(deadline, attemptEnds)
        case .sent: min(deadline, attemptEnds, idle.due)
        case .answering: min(deadline, idle.due)
        }
    }

    mutating func free() {
        head.free()
        answerChanges.free()
        replay.free()
    }
}

extension Exchange {
    /// When no other endpoint is left: one that had the request may answer it another time, and where a node or a connection was about to end
    /// the next one is. One that could not be reached cannot be reached now either.
    var mayReturn: Bool { !tried.isEmpty && (mayHaveArrived || record.reason == .draining) }
}

/// What the policy says of a request, as it stood when the request came.
struct ExchangeRules: BitwiseCopyable {
    /// The route that it takes; -1 for none.
    var route: Int16 = -1
    var retries: UInt8 = 0
    var retriesAll = false
    /// Nanoseconds from an attempt's start to the head of its answer; 0 for no bound of its own.
    var tryTimeout: UInt64 = 0
    /// Nanoseconds that nothing may move: of the request, and of what its connection becomes when it changes its protocol; 0 for no bound.
    var requestIdle: UInt64 = 0
    var idle: UInt64 = 0
    /// Nanoseconds that a connection which changed its protocol may last; 0 for no bound.
    var stream: UInt64 = 0
    /// Only instances of this version; 0 for any.
    var version: UInt64 = 0
    /// What keeps requests together; 0 for nothing.
    var affinity: UInt64 = 0
    /// Why policy refuses this very request; `none` when it does not.
    var refusal = DenialReason.none
    /// Nobody may pass it on any more: this node answers (RFC 9110 §7.6.2).
    var endsHere = false
    /// What an injected fault answers; 0 for none.
    var abort: UInt16 = 0
    /// Nanoseconds that an injected fault takes.
    var delay: UInt64 = 0
    /// Of a copy: where it belongs.
    var mirror = MirrorPlan.none
}

/// Its place among the requests that its service answers at one moment.
struct ExchangeAdmission: BitwiseCopyable {
    /// Its number in the queue; 0 when it never was in one.
    var number: UInt64 = 0
    var queuedAt: UInt64 = 0
    /// When it was admitted; 0 while it is not, or need not be.
    var since: UInt64 = 0
    /// The number of the lease that it waits for; 0 for none.
    var lease: UInt64 = 0
}
