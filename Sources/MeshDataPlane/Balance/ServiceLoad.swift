internal import MeshBalancing
internal import MeshRuntime
internal import MeshSnapshot
internal import MeshTypes
internal import Synchronization

/// How busy and how well the endpoints of a service are: one view for all workers of the node (R4.1, R5.3).
final class ServiceLoad: Sendable {
    private let balance: Mutex<ServiceBalance>

    init(firstUnreachable: UInt64) { balance = Mutex(ServiceBalance(firstUnreachable: firstUnreachable)) }

    func choose(
        _ wish: EndpointWish, _ service: SnapshotService, _ snapshot: Snapshot, now: UInt64, using random: inout FastRandom
    ) -> (choice: EndpointChoice, event: BreakerEvent?) {
        balance.withLock { balance in
            balance.adopt(
                service.endpoints, service.traffic.balance, here: snapshot.node.locality, generation: snapshot.generation, now: now)
            return balance.choose(wish, now: now, using: &random)
        }
    }

    func judge(_ ticket: inout EndpointTicket, _ outcome: AttemptOutcome, latency: UInt64?, now: UInt64) -> [BreakerEvent] {
        var judged = ticket
        let events = balance.withLock { $0.judge(&judged, outcome, latency: latency, now: now) }
        ticket = judged
        return events
    }

    /// What checks say of an endpoint, here or on its node (R5.5). - Parameter until: when it will not be believed any more.
    func learn(_ readiness: Readiness, of address: SocketAddress, until: UInt64, now: UInt64) {
        balance.withLock { $0.learn(readiness, of: address, until: until, now: now) }
    }

    /// An endpoint of the service is not ready, while enough others may be.
    func spares(_ address: SocketAddress, _ service: SnapshotService, _ snapshot: Snapshot, now: UInt64) -> Bool {
        balance.withLock { balance in
            balance.adopt(
                service.endpoints, service.traffic.balance, here: snapshot.node.locality, generation: snapshot.generation, now: now)
            return balance.spares(address, now: now)
        }
    }

    func release(_ ticket: EndpointTicket) { balance.withLock { $0.release(ticket) } }

    func status(now: UInt64) -> (service: BreakerName, endpoints: [EndpointStatus]) {
        balance.withLock { ($0.breakerName(now: now), $0.status(now: now)) }
    }
}

/// The loads of all services; a service has one from the first time that it is called on this node.
final class ServiceLoads: Sendable {
    private let loads = Mutex<[ServiceID: ServiceLoad]>([:])
    private let firstUnreachable: UInt64

    init(firstUnreachable: Duration) { self.firstUnreachable = firstUnreachable.nanoseconds }

    subscript(service: ServiceID) -> ServiceLoad {
        loads.withLock { loads in
            if let load = loads[service] { return load }
            let load = ServiceLoad(firstUnreachable: firstUnreachable)
            loads[service] = load
            return load
        }
    }

    /// Without making one.
    func existing(_ service: ServiceID) -> ServiceLoad? { loads.withLock { $0[service] } }
}
