internal import Glibc
internal import MeshBalancing
internal import MeshRuntime
internal import MeshSnapshot
internal import MeshSystem
internal import MeshTypes

/// Asks this node's endpoints how they are, as their services' policies say (R5.5), from inside their namespaces.
///
/// One thread of its own does the work and owns everything here but the mailbox; the connections it makes are the daemon's own deliveries to the
/// kernel programs. What it finds goes to the board, to the balancing of this node, and through `announce` to other nodes.
final class HealthProber: @unchecked Sendable {
    enum Order: Sendable {
        case adopt(Snapshot)
        case enter(NamespaceIndex, NamespaceBox)
        case leave(NamespaceIndex)
        case stop
    }

    /// Checks of this node; further ones are not made, and counted as skipped.
    static let maximumChecks = 8192
    /// Connections at one moment; further probes wait.
    static let maximumProbes = 256
    /// How long they wait, and a probe for which the node had no socket (nanoseconds).
    static let pause: UInt64 = 50_000_000
    private static let wakeToken: UInt64 = 0
    private static let scratchBytes = 4096

    let mailbox: Mailbox<Order>
    let shared: SharedState
    let announce: @Sendable (ServiceID) -> Void
    let report: HealthReport
    let poller: Poller
    private let events = PollEvents(capacity: 256)
    private let scratch = UnsafeMutableRawBufferPointer.allocate(byteCount: HealthProber.scratchBytes, alignment: 16)
    let home: NetworkNamespace
    var namespaces: [NamespaceIndex: NamespaceBox] = [:]
    var endpoints: [SocketAddress: CheckedEndpoint] = [:]
    /// The addresses that the last snapshot delivered to, checked or not; nil before the first.
    var delivered: Set<SocketAddress>?
    var watches = Slab<HealthWatch>(capacity: HealthProber.maximumChecks)
    var timers = TimerHeap()
    var random = FastRandom()
    var now: UInt64 = 0
    private var probing = 0
    private var isStopping = false

    init(shared: SharedState, announce: @escaping @Sendable (ServiceID) -> Void, report: @escaping HealthReport) throws(SystemError) {
        self.shared = shared
        self.announce = announce
        self.report = report
        mailbox = try Mailbox()
        poller = try Poller()
        home = try NetworkNamespace.current()
        try poller.add(mailbox.descriptor, .readable, token: Self.wakeToken)
    }

    deinit { scratch.deallocate() }

    func start() { WorkerThread.start(name: "myelin-health") { [self] in run() } }

    private func run() {
        while !isStopping {
            let count = poller.wait(events, timeout: timeout)
            now = MonotonicClock.now()
            // What came is looked at before what is late: a thread that was kept waiting must not blame the endpoints.
            for index in 0..<count {
                let (token, _) = events[index]
                if token == Self.wakeToken { readMail() } else { socketReady(SlabHandle(rawValue: token)) }
            }
            while let (handle, due) = timers.popDue(now: now) { alarm(handle, due) }
        }
        for handle in allWatches { close(handle) }
    }

    /// Milliseconds until something is due, rounded up.
    private var timeout: Int32 {
        guard let due = timers.nextDue else { return -1 }
        let now = MonotonicClock.now()
        return due <= now ? 0 : Int32(clamping: (due - now) / 1_000_000 + 1)
    }

    private func readMail() {
        for order in mailbox.take() {
            switch order {
            case .adopt(let snapshot): adopt(snapshot)
            case .enter(let index, let namespace): namespaces[index] = namespace
            case .leave(let index): namespaces[index] = nil
            case .stop: isStopping = true
            }
        }
    }

    private var allWatches: [SlabHandle] {
        var all: [SlabHandle] = []
        watches.forEach { handle, _ in all.append(handle) }
        return all
    }

    func schedule(_ handle: SlabHandle, _ watch: HealthWatch, at due: UInt64) {
        watch.alarm = due
        timers.schedule(handle, at: due)
    }

    // MARK: Probes

    private func alarm(_ handle: SlabHandle, _ due: UInt64) {
        // An entry for an alarm that was set anew meanwhile.
        guard let watch = watches.find(handle)?.pointee, watch.alarm == due else { return }
        if let probe = watch.probe, !watch.isDecided {
            decide(handle, watch, .failed(probe.lateness(watch.check.timeout)))
        } else {
            close(handle)
            begin(handle, watch)
        }
    }

    private func begin(_ handle: SlabHandle, _ watch: HealthWatch) {
        guard let endpoint = endpoints[watch.endpoint] else { return }
        guard probing < Self.maximumProbes else { return schedule(handle, watch, at: now + Self.pause) }
        let target = watch.check.address(of: endpoint.delivery.address)
        watch.started = now
        watch.isDecided = false
        let socket = open(endpoint.delivery)
        guard socket >= 0 else {
            shared.health.count(HealthTally(service: endpoint.published.service, kind: watch.kind, result: .skipped))
            watch.health.postpone(watch.check, started: now)
            return schedule(handle, watch, at: watch.health.due)
        }
        probing += 1
        let begun = TCPSocket.connect(socket, to: target) == 0 || errno == EINPROGRESS
        let code = errno
        watch.probe = HealthProbe(watch.check.probe, on: socket, to: target)
        guard begun, (try? poller.add(socket, .writable, token: handle.rawValue)) != nil else {
            return decide(handle, watch, .failed(String(cString: strerror(code))))
        }
        schedule(handle, watch, at: now + watch.check.timeout.nanoseconds)
    }

    /// A socket inside the endpoint's namespace; -1 when the node has none to give.
    private func open(_ delivery: Snapshot.Delivery) -> Int32 {
        let isV4 = delivery.address.ip.isV4
        let socket: Int32
        if delivery.namespace == .node {
            socket = TCPSocket.open(isV4: isV4)
        } else {
            guard let namespace = namespaces[delivery.namespace] else { return -1 }
            socket = namespace.namespace.openSocket(isV4: isV4, home: home)
        }
        guard socket >= 0 else { return -1 }
        // Somebody else's listener says nothing of the service's health.
        let isExpected = shared.options.deliveryCheck?.expect(delivery.service, socket) ?? true
        if isExpected, socket < shared.options.descriptorCeiling { return socket }
        Glibc.close(socket)
        return -1
    }

    private func socketReady(_ handle: SlabHandle) {
        guard let watch = watches.find(handle)?.pointee, watch.probe != nil else { return }
        let before = watch.probe!.interest
        let progress = watch.probe!.advance(scratch)
        switch progress {
        case .undecided:
            let interest = watch.probe!.interest
            if interest != before { try? poller.modify(watch.probe!.socket, interest, token: handle.rawValue) }
        case .passed, .failed: decide(handle, watch, progress)
        case .over: close(handle)
        }
    }

    /// The probe told what it had to tell, or is too late.
    private func decide(_ handle: SlabHandle, _ watch: HealthWatch, _ progress: HealthProbe.Progress) {
        var failure: String?
        if case .failed(let text) = progress { failure = text }
        watch.isDecided = true
        let verdict = watch.health.record(passed: failure == nil, watch.check, started: watch.started)
        if watch.probe?.hasRest != true { close(handle) }
        schedule(handle, watch, at: max(watch.health.due, now + 1))
        settle(watch, verdict, failure)
    }

    func close(_ handle: SlabHandle) {
        guard let watch = watches.find(handle)?.pointee, let probe = watch.probe else { return }
        Glibc.close(probe.socket)
        watch.probe = nil
        probing -= 1
    }
}
