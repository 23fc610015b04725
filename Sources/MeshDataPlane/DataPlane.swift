internal import Glibc
package import MeshBalancing
internal import MeshRuntime
package import MeshSnapshot
package import MeshSystem
package import MeshTelemetry
package import MeshTypes
internal import Synchronization

/// The workers of a node: give them listeners and snapshots, ask them what they carry.
package final class DataPlane: Sendable {
    private let workers: [Worker]
    private let shared: SharedState
    private let prober: HealthProber

    /// - Parameters:
    ///   - rings: one for each worker; their number is the number of workers.
    ///   - origin: how to learn what a captured connection asked for.
    ///   - nameConnection: takes DNS over TCP; nil refuses it like any destination outside the mesh.
    ///   - globalRates: leases of the limits that all nodes share; nil enforces them on this node alone.
    package init(
        options: DataPlaneOptions, rings: [FlowRing], origin: @escaping OriginLookup,
        nameConnection: NameConnectionHandler? = nil, report: @escaping HandshakeReport = { _, _, _ in },
        breakerReport: @escaping BreakerReport = { _, _ in }, healthReport: @escaping HealthReport = { _ in },
        globalRates: GlobalRates? = nil
    ) throws(SystemError) {
        shared = SharedState(
            options: options, origin: origin, nameConnection: nameConnection, report: report, breakerReport: breakerReport,
            globalRates: globalRates)
        var workers: [Worker] = []
        for (index, ring) in rings.enumerated() { workers.append(try Worker(index: index, shared: shared, ring: ring)) }
        self.workers = workers
        prober = try HealthProber(
            shared: shared,
            announce: { [workers] service in
                for worker in workers { worker.mailbox.post(.healthChanged(service)) }
            }, report: healthReport)
    }

    package func start() {
        for worker in workers { worker.start() }
        prober.start()
    }

    /// Ends the workers; what they carry is reset.
    package func stop() {
        prober.mailbox.post(.stop)
        post(.stop)
    }

    /// The daemon is about to end: everything is served on, but connections that are used end with their next answer, and peers are told to
    /// open new tunnels. So there is little left to lose when `drain` follows.
    package func leave() { post(.leave) }

    /// No new tunnels or flows; those there are go on until they end or `stop`.
    package func drain() { post(.drain) }

    /// What the workers are at.
    /// - Parameter since: monotonic nanoseconds.
    package func activity(since: UInt64) async -> Activity {
        var all = Activity()
        for worker in workers {
            all += await withCheckedContinuation { continuation in
                worker.mailbox.post(.countActivity(since: since) { continuation.resume(returning: $0) })
            }
        }
        return all
    }

    /// Monotonic nanoseconds of the latest turn of the worker that has not turned for longest.
    package var slowestTurn: UInt64 { workers.map { $0.turnedAt.load(ordering: .relaxed) }.min() ?? 0 }

    /// Workers adopt it between events.
    package func publish(_ snapshot: Snapshot) {
        shared.shares.divide(callers: snapshot.allServices.count)
        post(.adopt(snapshot))
        prober.mailbox.post(.adopt(snapshot))
    }

    /// The generation that each worker last adopted.
    package var adoptedGenerations: [UInt64] { workers.map { $0.generation.load(ordering: .relaxed) } }

    /// Takes connections that the kernel redirects inside a namespace.
    package func capture(
        v4: consuming FileDescriptor, v6: consuming FileDescriptor?, namespace index: NamespaceIndex,
        descriptor: consuming NetworkNamespace
    ) {
        let namespace = NamespaceBox(descriptor)
        prober.mailbox.post(.enter(index, namespace))
        post(.capture(CaptureListener(socket: FileDescriptorBox(v4), namespace: index, descriptor: namespace)))
        if let v6 { post(.capture(CaptureListener(socket: FileDescriptorBox(v6), namespace: index, descriptor: namespace))) }
    }

    /// Takes no more connections there; those there are go on.
    package func release(_ namespace: NamespaceIndex) {
        post(.release(namespace))
        prober.mailbox.post(.leave(namespace))
    }

    /// Listens for HBONE: a socket for each worker on one address (SO_REUSEPORT).
    /// - Parameter kept: gives the listeners of a daemon before this one, one after the other. All are served: connections wait at them.
    /// - Returns: the descriptors of the listeners that are new.
    @discardableResult
    package func serveTunnels(
        on address: SocketAddress, kept: () -> FileDescriptor? = { nil }
    ) throws(SystemError) -> [Int32] {
        var served = 0
        while let listener = kept() {
            workers[served % workers.count].mailbox.post(.serveTunnel(FileDescriptorBox(listener)))
            served += 1
        }
        var new: [Int32] = []
        for worker in workers.dropFirst(served) {
            let listener = try TCPSocket.listen(on: address, reusePort: true)
            new.append(listener.raw)
            worker.mailbox.post(.serveTunnel(FileDescriptorBox(listener)))
        }
        return new
    }

    /// What is carried now.
    package func connections() async -> [LiveConnection] {
        var all: [LiveConnection] = []
        for worker in workers {
            all += await withCheckedContinuation { continuation in
                worker.mailbox.post(.listConnections { continuation.resume(returning: $0) })
            }
        }
        return all
    }

    /// What is known of a service's endpoints and of its breaker; nil before it was first called.
    package func load(of service: ServiceID) -> (service: BreakerName, endpoints: [EndpointStatus])? {
        shared.loads.existing(service)?.status(now: MonotonicClock.now())
    }

    /// This node's endpoints that are checked, and how they are.
    package var health: [EndpointHealth] { shared.health.all }

    /// What came of probes since the start.
    package var healthTallies: [HealthTally: UInt64] { shared.health.counts }

    /// How many requests to a service this node has under way, and how many wait for their turn.
    package func requests(to service: ServiceID) -> (active: Int, waiting: Int) { shared.admissions.counts(of: service) }

    /// So many workloads of this node share what is guaranteed to them.
    package func divideShares(workloads: Int) { shared.shares.divide(workloads: workloads) }

    /// The connections that a workload holds; nil before its first.
    package func connections(of workload: WorkloadID) -> ConnectionShares.Usage? { shared.shares.usage(of: .workload(workload)) }

    /// Connections to endpoints of this node that were refused because the calling service had its share.
    package var callersRefused: UInt64 { shared.shares.callersRefused }

    /// Of each worker, as of the last turn of its loop.
    package func counters() -> [WorkerCounters] { workers.map { $0.published.withLock { $0 } } }

    private func post(_ message: WorkerMessage) {
        for worker in workers { worker.mailbox.post(message) }
    }
}
