internal import Glibc
internal import MeshBPF
internal import MeshProtocols
internal import MeshRuntime
internal import MeshSnapshot
internal import MeshSystem
internal import MeshTypes
internal import Synchronization

/// All that the names thread owns. Made on another thread, then used by that one alone.
final class NameLoop: @unchecked Sendable {
    /// What a token of the poller stands for.
    enum Source {
        case listener(NameListener)
        case upstream(UpstreamAttempt)
        case connection(NameConnection)
    }

    let options: NameServerOptions
    let tally: NameTally
    let report: @Sendable (NameRefusalReport) -> Void
    private let slots: @Sendable (UInt32) -> DNSSlot?
    private let mailbox: NameMailbox
    private let poller: Poller
    private let events = PollEvents(capacity: 128)
    /// One read buffer for everything: datagrams are handled one after the other.
    let scratch = UnsafeMutableRawBufferPointer.allocate(byteCount: DNSMessage.maximumLength, alignment: 16)
    private var sources: [UInt64: Source] = [:]
    private var nextToken: UInt64 = 1
    private(set) var table: NameTable?
    var cache: NameCache
    var upstreams: UpstreamSet
    var nameGuard: NameGuard
    /// What is being asked of upstreams; those that others may join, by what they ask.
    private var queries: [ObjectIdentifier: ForwardedQuery] = [:]
    private var joinable: [NameKey: ForwardedQuery] = [:]
    /// Clients that wait, in all and of each workload.
    private var waiting = 0
    private var waitingOfWorkload: [WorkloadID: Int] = [:]
    private var connections = 0
    private var connectionsOfWorkload: [WorkloadID: Int] = [:]
    private(set) var now: UInt64 = 0
    private var nextSweep: UInt64 = 0
    private var isStopping = false
    /// Nothing has happened since others were told.
    private var isPublished = false
    /// Sockets that wait for the first snapshot.
    private var early: [NameListener] = []

    static let wakeToken: UInt64 = 0
    /// Milliseconds between looks at deadlines, while anything has one.
    private static let sweepInterval: Int32 = 100
    /// Datagrams of one socket before the others have their turn.
    static let burst = 64
    /// Of each UDP socket in a namespace, at most. Bytes.
    private static let receiveBuffer: Int32 = 1 << 20

    init(
        options: NameServerOptions, slots: @escaping @Sendable (UInt32) -> DNSSlot?,
        report: @escaping @Sendable (NameRefusalReport) -> Void, mailbox: NameMailbox, tally: NameTally
    ) throws(SystemError) {
        self.options = options
        self.slots = slots
        self.report = report
        self.tally = tally
        cache = NameCache(options.cache)
        upstreams = UpstreamSet(configured: options.upstreams)
        nameGuard = NameGuard(options.names)
        poller = try Poller()
        self.mailbox = mailbox
        try poller.add(mailbox.event.raw, .readable, token: Self.wakeToken)
        publish()
    }

    deinit { scratch.deallocate() }

    /// Works until it is told to stop.
    func run() {
        while !isStopping { turn() }
    }

    private func turn() {
        let idle = queries.isEmpty && connections == 0 && !upstreams.isInDoubt
        let count = poller.wait(events, timeout: idle && isPublished ? -1 : Self.sweepInterval)
        now = MonotonicClock.now()
        if count > 0 { isPublished = false }
        tally.turnedAt.store(now, ordering: .relaxed)
        for index in 0..<count {
            let (token, ready) = events[index]
            if token == Self.wakeToken {
                adopt(mailbox.take())
            } else if let source = sources[token] {
                handle(source, ready)
            }
        }
        if now >= nextSweep {
            nextSweep = now + UInt64(Self.sweepInterval) * 1_000_000
            sweep()
            publish()
        }
    }

    /// Lets others see what is known.
    private func publish() {
        var status = NameServerStatus()
        status.upstreams = upstreams.status
        status.learnt = upstreams.learnt
        status.cache = cache.status
        status.waiting = waiting
        status.connections = connections
        tally.status.withLock { $0 = status }
        isPublished = true
    }

    private func adopt(_ mail: NameMailbox.Contents) {
        if let snapshot = mail.snapshot { table = NameTable(snapshot, options) }
        if table != nil { serveEarly() }
        for order in mail.orders {
            switch order {
            case .serve(let raw, let namespace):
                let listener = NameListener(FileDescriptor(owning: raw), namespace: namespace)
                if table == nil { early.append(listener) } else { serve(listener) }
            case .serveStream(let raw, let asker): serveStream(FileDescriptor(owning: raw), asker)
            case .release(let namespace): release(namespace)
            case .use(let servers): upstreams.use(servers)
            case .stop: isStopping = true
            }
        }
    }

    private func handle(_ source: Source, _ ready: Poller.Interest) {
        switch source {
        case .listener(let listener): receive(on: listener)
        case .upstream(let attempt): upstreamReady(attempt, ready)
        case .connection(let connection): connectionReady(connection, ready)
        }
    }

    // MARK: Sockets

    /// Polls `descriptor` for `source`; nil if the kernel refuses.
    func adopt(_ descriptor: consuming FileDescriptor, _ interest: Poller.Interest, _ source: (NameSocket) -> Source) -> NameSocket? {
        let token = nextToken
        nextToken += 1
        let socket = NameSocket(descriptor, token: token)
        guard (try? poller.add(socket.descriptor.raw, interest, token: token)) != nil else { return nil }
        sources[token] = source(socket)
        return socket
    }

    /// Closes happen with the last reference; the poller forgets closed descriptors by itself.
    func forget(_ token: UInt64) { sources[token] = nil }

    func setInterest(_ socket: NameSocket, _ interest: Poller.Interest) {
        try? poller.modify(socket.descriptor.raw, interest, token: socket.token)
    }

    /// Queries may wait already in sockets that outlived a daemon: they are read when the first snapshot can answer them.
    private func serveEarly() {
        for listener in early { serve(listener) }
        early = []
    }

    private func serve(_ listener: NameListener) {
        let token = nextToken
        nextToken += 1
        // What the kernel gives unasked holds less than 200 queries: a program that starts asks more at once. Without privileges it stays so.
        var size = Self.receiveBuffer
        setsockopt(listener.socket.raw, SOL_SOCKET, SO_RCVBUFFORCE, &size, socklen_t(MemoryLayout.size(ofValue: size)))
        guard (try? poller.add(listener.socket.raw, .readable, token: token)) != nil else { return }
        sources[token] = .listener(listener)
    }

    private func serveStream(_ descriptor: consuming FileDescriptor, _ asker: NameAsker) {
        guard connections < options.maximumConnections,
            connectionsOfWorkload[asker.workload, default: 0] < options.maximumConnectionsPerWorkload
        else { return }
        let now = self.now  // never later than that of the turn, which deadlines are measured by
        var made: NameConnection?
        _ = adopt(descriptor, .readable) { socket in
            let connection = NameConnection(socket, asker: asker, now: now)
            made = connection
            return .connection(connection)
        }
        guard made != nil else { return }
        connections += 1
        connectionsOfWorkload[asker.workload, default: 0] += 1
    }

    private func release(_ namespace: NamespaceIndex) {
        early.removeAll { $0.namespace == namespace }
        for (token, source) in sources {
            switch source {
            case .listener(let listener):
                guard listener.namespace == namespace else { continue }
                forget(token)
                // Queries that wait still hold it: nothing would read what comes.
                try? poller.remove(listener.socket.raw)
            case .connection(let connection): if connection.asker.namespace == namespace { close(connection) }
            case .upstream: break
            }
        }
    }

    // MARK: Queries over UDP

    private func receive(on listener: NameListener) {
        for _ in 0..<Self.burst {
            guard let arrival = DatagramSocket.receive(listener.socket.raw, into: scratch) else { return }
            guard let slot = Self.slot(of: arrival.local).flatMap(slots) else {
                tally.add(.malformed, of: .none)
                continue
            }
            let bytes = Array(scratch[..<arrival.count])
            let asker = NameAsker(server: slot.server, workload: slot.workload, service: slot.service, namespace: slot.namespace)
            answer(bytes, asker: asker) { limit in
                .datagram(DatagramClient(listener: listener, peer: arrival.peer, local: arrival.local, limit: limit))
            }
        }
    }

    /// 127.x.y.z and fd6d:7965:6c69:1::x carry the slot in their low bits.
    private static func slot(of address: IPAddress) -> UInt32? {
        if address.isV4 { return address.isLoopback ? address.v4 & 0xff_ffff : nil }
        return UInt32(truncatingIfNeeded: address.low)
    }

    // MARK: Connections

    private func connectionReady(_ connection: NameConnection, _ ready: Poller.Interest) {
        if ready.mayWrite, connection.flush() { connection.lastActive = now }
        if !ready.isDisjoint(with: [.hangUp, .error]) { connection.abandon() }
        if ready.contains(.readable) { connection.fill(scratch) }
        process(connection)
    }

    /// Answers what came, as far as the connection may have queries waiting, and adapts what is polled for.
    func process(_ connection: NameConnection) {
        guard !connection.isProcessing else { return }
        connection.isProcessing = true
        defer { connection.isProcessing = false }
        while connection.waiting < options.maximumPerConnection, !connection.isFinished, let bytes = connection.incoming.next() {
            connection.lastActive = now
            answer(bytes, asker: connection.asker) { _ in .stream(connection) }
        }
        if connection.isFinished { return close(connection) }
        var interest: Poller.Interest = connection.wantsToWrite ? .writable : []
        if !connection.peerEnded, connection.waiting < options.maximumPerConnection { interest.insert(.readable) }
        setInterest(connection.socket, interest)
    }

    private func close(_ connection: NameConnection) {
        guard case .connection = sources[connection.socket.token] else { return }
        forget(connection.socket.token)
        try? poller.remove(connection.socket.descriptor.raw)
        shutdown(connection.socket.descriptor.raw, Int32(SHUT_RDWR))
        connections -= 1
        Self.subtractOne(from: &connectionsOfWorkload, connection.asker.workload)
    }

    // MARK: What waits for upstreams

    /// Room for one more of this workload?
    func admits(_ workload: WorkloadID) -> Bool {
        waiting < options.maximumPending && waitingOfWorkload[workload, default: 0] < options.maximumPendingPerWorkload
    }

    /// The question that is being asked already, if there is one.
    func underWay(_ key: NameKey) -> ForwardedQuery? { joinable[key] }

    func enter(_ query: ForwardedQuery) {
        queries[ObjectIdentifier(query)] = query
        if !query.isProbe { joinable[query.key] = query }
    }

    func leave(_ query: ForwardedQuery) {
        guard queries.removeValue(forKey: ObjectIdentifier(query)) != nil, !query.isProbe else { return }
        joinable[query.key] = nil
    }

    func wait(_ client: WaitingClient, for query: ForwardedQuery) {
        query.clients.append(client)
        waiting += 1
        waitingOfWorkload[client.asker.workload, default: 0] += 1
        if case .stream(let connection) = client.client { connection.waiting += 1 }
    }

    /// It waits no longer: its answer follows.
    func release(_ client: WaitingClient) {
        waiting -= 1
        Self.subtractOne(from: &waitingOfWorkload, client.asker.workload)
        guard case .stream(let connection) = client.client else { return }
        connection.waiting -= 1
        connection.lastActive = now
    }

    /// Workloads that have none are not kept.
    private static func subtractOne(from counts: inout [WorkloadID: Int], _ workload: WorkloadID) {
        let left = counts[workload, default: 1] - 1
        counts[workload] = left > 0 ? left : nil
    }

    private func sweep() {
        for query in Array(queries.values) where !query.isFinished { checkTime(of: query) }
        for server in upstreams.takeProbes(now: now) { probe(server) }
        nameGuard.sweep(now: now)
        guard connections > 0 else { return }
        for case .connection(let connection) in Array(sources.values)
        where connection.waiting == 0 && now &- connection.lastActive > options.idleTimeout {
            close(connection)
        }
    }
}
