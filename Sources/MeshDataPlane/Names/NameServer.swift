internal import Glibc
package import MeshBPF
internal import MeshRuntime
package import MeshSnapshot
package import MeshSystem
package import MeshTypes
internal import Synchronization

/// Answers the DNS queries that capture redirects to the node: mesh services from the snapshot, the rest by asking on.
///
/// One thread of its own, in the node's network namespace, does all the work; the functions here hand it things.
package final class NameServer: Sendable {
    private let mailbox: NameMailbox
    private let tally = NameTally()
    private let thread = Mutex<pthread_t?>(nil)
    private let loop: Mutex<NameLoop?>

    /// - Parameters:
    ///   - slots: who asks which server, by the slot in a datagram's destination (`Capture.dnsSlot`).
    ///   - report: hears of names that are refused, at a bounded rate, on the names thread.
    package init(
        options: NameServerOptions, slots: @escaping @Sendable (UInt32) -> DNSSlot?,
        report: @escaping @Sendable (NameRefusalReport) -> Void = { _ in }
    ) throws(SystemError) {
        mailbox = try NameMailbox()
        loop = Mutex(try NameLoop(options: options, slots: slots, report: report, mailbox: mailbox, tally: tally))
    }

    deinit { stop() }

    package func start() {
        guard let loop = loop.withLock({ $0.take() }) else { return }
        let running = Unmanaged.passRetained(loop).toOpaque()
        thread.withLock { thread in
            var id = pthread_t()
            let failed = pthread_create(
                &id, nil,
                { argument in
                    nameThread("myelin-names")
                    Unmanaged<NameLoop>.fromOpaque(argument!).takeRetainedValue().run()
                    return nil
                }, running)
            precondition(failed == 0, "pthread_create: \(failed)")
            thread = id
        }
    }

    /// Ends the thread and closes everything; queries that wait are not answered.
    package func stop() {
        guard let id = thread.withLock({ $0.take() }) else { return }
        mailbox.order(.stop)
        pthread_join(id, nil)
    }

    package func publish(_ snapshot: Snapshot) { mailbox.publish(snapshot) }

    /// The servers that are asked for names outside the mesh where the options name none; they take the place of those before.
    package func use(_ servers: [SocketAddress]) { mailbox.order(.use(servers)) }

    /// Answers on a socket made by `DatagramSocket.bind` in a namespace (two for IPv4 and IPv6).
    package func serve(udp socket: consuming FileDescriptor, namespace: NamespaceIndex) {
        mailbox.order(.serve(socket.release(), namespace))
    }

    /// Answers DNS over TCP on an accepted connection whose original destination was `server`.
    package func serveTCP(
        connection: consuming FileDescriptor, server: SocketAddress, workload: WorkloadID, service: ServiceID,
        namespace: NamespaceIndex
    ) {
        let asker = NameAsker(server: server, workload: workload, service: service, namespace: namespace)
        mailbox.order(.serveStream(connection.release(), asker))
    }

    /// Closes the sockets and connections of a namespace.
    package func release(_ namespace: NamespaceIndex) { mailbox.order(.release(namespace)) }

    /// Asks the thread for a turn: while nobody asks for names it sleeps. For one thread alone.
    /// - Returns: until when it is known to have answered, monotonic nanoseconds: now, or when it was asked what it has not answered yet.
    package func signOfLife() -> UInt64 {
        let asked = tally.askedAt.load(ordering: .relaxed)
        defer { mailbox.event.signal() }
        guard tally.turnedAt.load(ordering: .relaxed) >= asked else { return asked }
        let now = MonotonicClock.now()
        tally.askedAt.store(now, ordering: .relaxed)
        return now
    }

    package var counters: NameServerCounters { tally.counters.withLock { $0 } }

    /// At most a tenth of a second old while there is anything to do.
    package var status: NameServerStatus { tally.status.withLock { $0 } }
}

/// Who asks which server, from where.
struct NameAsker: Sendable {
    let server: SocketAddress
    let workload: WorkloadID
    let service: ServiceID
    let namespace: NamespaceIndex
}

/// What the thread writes and others read.
final class NameTally: Sendable {
    let counters = Mutex(NameServerCounters())
    let status = Mutex(NameServerStatus())
    /// Monotonic nanoseconds of the last turn, and of the last question for one.
    let turnedAt = Atomic<UInt64>(0)
    let askedAt = Atomic<UInt64>(0)

    func add(_ outcome: NameOutcome, of service: ServiceID) { counters.withLock { $0.add(outcome, of: service) } }
    func add(_ refusal: NameRefusal, of service: ServiceID) { counters.withLock { $0.add(refusal, of: service) } }
    func addUnsolicited() { counters.withLock { $0.addUnsolicited() } }
}
