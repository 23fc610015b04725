internal import Glibc
internal import MeshPolicy
internal import MeshProtocols
internal import MeshResilience
internal import MeshRuntime
internal import MeshSnapshot
internal import MeshSystem
internal import MeshTLS
internal import MeshTelemetry
internal import MeshTypes
internal import Synchronization

/// One thread of the data path: its sockets, flows and tunnels, and the loop that serves them.
///
/// Everything here belongs to that thread; other threads post messages. State lies in slabs behind plain pointers, so that
/// the C callbacks of HTTP/2 may come back into the worker while one of its methods runs.
final class Worker: @unchecked Sendable {
    /// Events taken from epoll at a time, and bytes read from a socket at a time.
    static let eventBatch = 512
    static let scratchBytes = 128 << 10
    /// The loop wakes at least this often for deadlines (milliseconds).
    static let tick: Int32 = 50
    /// Nanoseconds between two publications of the counters.
    private static let publishInterval: UInt64 = 200_000_000
    /// Between two looks at a session of HTTP/2.
    private static let sessionCheck = Duration.seconds(10)

    let index: Int
    let shared: SharedState
    let mailbox: Mailbox<WorkerMessage>
    let ring: FlowRing
    let poller: Poller
    let events = PollEvents(capacity: Worker.eventBatch)
    let home: NetworkNamespace
    let scratch = UnsafeMutableRawBufferPointer.allocate(byteCount: Worker.scratchBytes, alignment: 4096)
    let plaintext = UnsafeMutableRawBufferPointer.allocate(byteCount: Worker.scratchBytes, alignment: 4096)
    let ciphertext = CiphertextBuffer()
    var records = RecordBatch()

    var flows: Slab<Flow>
    var tunnels: Slab<Tunnel>
    var callers: Slab<Caller>
    var upstreams: Slab<Upstream>
    var callerSessions: Slab<CallerSession>
    var endpointSessions: Slab<EndpointSession>
    var snapshot: Snapshot?
    var now = MonotonicClock.now()
    var isStopping = false
    /// By slot, which their tokens carry.
    var listeners: [UInt64: CaptureListener] = [:]
    var nextListener: UInt64 = 1
    /// One as a rule; more when a daemon with more workers left its own.
    var tunnelListeners: [FileDescriptorBox] = []
    /// Listeners that wait for the first snapshot.
    var early: [WorkerMessage] = []
    var namespaces: [NamespaceIndex: NamespaceBox] = [:]
    var pool: [TunnelKey: SlabHandle] = [:]
    var places: TunnelPlaces
    /// Those that were looked up since the last snapshot.
    var holders: [ConnectionShares.Owner: ShareHolder] = [:]
    var handshakes = HandshakeJournal()
    /// Tunnels with something to send at the end of this batch.
    var dirty: [SlabHandle] = []
    /// Sessions of HTTP/2 with something to send at the end of this batch.
    var dirtyCallers: [SlabHandle] = []
    var dirtyEndpoints: [SlabHandle] = []
    var frames = FrameBatch()
    /// Connections to endpoints that take requests.
    var endpointPool: [UpstreamKey: [SlabHandle]] = [:]
    /// Sockets that were read for long enough in this batch and go on in the next.
    var again: [UInt64] = []
    var connectDeadlines: DeadlineQueue
    var deliveryDeadlines: DeadlineQueue
    var deliveryChecks = DeadlineQueue(delay: DeliveryCheck.interval)
    var handshakeDeadlines: DeadlineQueue
    var arrivalDeadlines: DeadlineQueue
    var keepaliveDeadlines: DeadlineQueue
    var lingerDeadlines: DeadlineQueue
    var callerSessionDeadlines = DeadlineQueue(delay: Worker.sessionCheck)
    var endpointSessionDeadlines = DeadlineQueue(delay: Worker.sessionCheck)
    /// The parsed head that is being worked on, and the one that is being written.
    var fields = FieldTable()
    var writer = HeadWriter()
    var idleUpstreams = UpstreamPool()
    var idleDeadlines = DeadlineQueue(delay: Worker.upstreamIdle)
    var timers = TimerHeap()
    /// Those of flows; `timers` are the callers'.
    var flowTimers = TimerHeap()
    var loads: [ServiceID: ServiceLoad] = [:]
    var random = FastRandom()
    var decisions: [UInt64: PolicyDecision] = [:]
    var gates: Slab<RequestGate>
    /// Callers to go on with at the end of this batch.
    var resumed: [SlabHandle] = []
    /// Copies of requests to be sent once everything else has been done.
    var copies: [SlabHandle] = []
    var budget = RetryBudget()
    var review = PermitReview()
    /// When tunnels were last held against the wall clock.
    var expiryLookedAt: UInt64 = 0
    var isDraining = false
    /// The daemon is about to end: everything is served on, but callers are told to come back on a new connection.
    var isLeaving = false
    var feedsBeatAt: UInt64 = 0
    /// Given up to accept and refuse a connection when descriptors run out.
    var reserve: Int32
    /// The flow whose socket was told that more follows.
    var gathering = SlabHandle.none
    var counters = WorkerCounters()
    /// Read by other threads: the generation adopted, and the counters of the last turn that had time for it.
    let generation = Atomic<UInt64>(0)
    /// Monotonic nanoseconds of the last turn of the loop.
    let turnedAt = Atomic<UInt64>(MonotonicClock.now())
    let published = Mutex(WorkerCounters())
    private var publishedAt: UInt64 = 0
    private var turns = LongestTurn()

    init(index: Int, shared: SharedState, ring: FlowRing) throws(SystemError) {
        self.index = index
        self.shared = shared
        self.ring = ring
        mailbox = try Mailbox()
        poller = try Poller()
        home = try NetworkNamespace.current()
        let options = shared.options
        flows = Slab(capacity: options.flowSlots)
        tunnels = Slab(capacity: options.tunnels.total)
        places = TunnelPlaces(options.tunnels)
        callers = Slab(capacity: options.flowSlots)
        gates = Slab(capacity: options.flowSlots)
        upstreams = Slab(capacity: options.flowSlots)
        callerSessions = Slab(capacity: options.flowSlots)
        endpointSessions = Slab(capacity: options.flowSlots)
        connectDeadlines = DeadlineQueue(delay: options.connectTimeout)
        deliveryDeadlines = DeadlineQueue(delay: options.deliveryTimeout)
        handshakeDeadlines = DeadlineQueue(delay: options.handshakeTimeout)
        arrivalDeadlines = DeadlineQueue(delay: options.arrivalTimeout)
        keepaliveDeadlines = DeadlineQueue(delay: options.keepalive)
        lingerDeadlines = DeadlineQueue(delay: .milliseconds(10))
        reserve = open("/dev/null", O_RDONLY | O_CLOEXEC)
        try poller.add(mailbox.descriptor, .readable, token: TokenTag.mailbox.token(.none))
    }

    deinit {
        scratch.deallocate()
        plaintext.deallocate()
    }

    func start() { WorkerThread.start(name: "myelin-worker-\(index)") { [self] in run() } }

    private func run() {
        while !isStopping {
            let count = poller.wait(events, timeout: again.isEmpty && !review.isDue ? Self.tick : 0)
            now = MonotonicClock.now()
            turnedAt.store(now, ordering: .relaxed)
            let pending = again
            again.removeAll(keepingCapacity: true)
            for token in pending { dispatch(token, .readable) }
            for event in 0..<count {
                let (token, ready) = events[event]
                dispatch(token, ready)
            }
            finishBatch()
            expire()
            turns.note(from: now, to: MonotonicClock.now())
        }
        closeEverything()
    }

    /// What was put off until all events were seen. Flushing may resume callers, and those may have more to flush.
    private func finishBatch() {
        repeat {
            pumpResumed()
            flushSessions()
            flushTunnels()
            if !copies.isEmpty { sendCopies() }
        } while !resumed.isEmpty || !dirtyCallers.isEmpty || !dirtyEndpoints.isEmpty || !dirty.isEmpty
    }

    private func dispatch(_ token: UInt64, _ ready: Poller.Interest) {
        let handle = SlabHandle(token: token)
        switch TokenTag(token: token) {
        case .near: nearReady(handle, ready)
        case .far: farReady(handle, ready)
        case .tunnel: tunnelReady(handle, ready)
        case .caller: callerReady(handle, ready)
        case .callerSession: callerSessionReady(handle, ready)
        case .captureListener: acceptCaptured(handle.rawValue)
        case .tunnelListener: acceptTunnels(handle.rawValue)
        case .mailbox: readMail()
        case nil: break
        }
    }

    private func expire() {
        while let handle = connectDeadlines.popDue(now: now) { connectTimedOut(handle) }
        while let handle = deliveryDeadlines.popDue(now: now) { deliveryTimedOut(handle) }
        while let handle = deliveryChecks.popDue(now: now) { checkDelivery(handle) }
        while let handle = handshakeDeadlines.popDue(now: now) { handshakeTimedOut(handle) }
        while let handle = arrivalDeadlines.popDue(now: now) { arrivalTimedOut(handle) }
        while let handle = keepaliveDeadlines.popDue(now: now) { keepAlive(handle) }
        while let handle = lingerDeadlines.popDue(now: now) { lingered(handle) }
        while let handle = idleDeadlines.popDue(now: now) { idleTimedOut(handle) }
        while let handle = callerSessionDeadlines.popDue(now: now) { checkCallerSession(handle) }
        while let handle = endpointSessionDeadlines.popDue(now: now) { checkEndpointSession(handle) }
        while let (handle, due) = timers.popDue(now: now) { callerTimer(handle, due) }
        expireTunnels()
        continueReview()
        beatHealthFeeds()
        while let (handle, _) = flowTimers.popDue(now: now) { flowTimer(handle) }
        finishBatch()
        if now &- publishedAt > Self.publishInterval {
            publishedAt = now
            writeRemainders()
            counters.longestTurn = turns.value
            publishCounters()
        }
    }
}
