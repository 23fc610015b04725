internal import MeshPolicy
internal import MeshResilience
internal import MeshRuntime
internal import MeshTypes
internal import Synchronization

/// The requests that each service is answering, and those that wait for one of them to end: one view for all workers of the node (R5.4).
final class Admissions: Sendable {
    /// One that waits: whom to tell that it is admitted.
    struct Ticket: Sendable {
        let number: UInt64
        let handle: SlabHandle
        let mailbox: Mailbox<WorkerMessage>
    }

    private struct State {
        var queues: [ServiceID: AdmissionQueue<Ticket>] = [:]
        var next: UInt64 = 1
    }

    private let state = Mutex(State())

    func arrive(
        _ handle: SlabHandle, _ mailbox: Mailbox<WorkerMessage>, at service: ServiceID, from caller: ServiceID, concurrency: Int,
        _ queue: ServicePolicy.Queue, timeLeft: UInt64
    ) -> (arrival: AdmissionQueue<Ticket>.Arrival, number: UInt64) {
        state.withLock { state in
            let number = state.next
            state.next += 1
            let arrival = state.queues[service, default: AdmissionQueue()].arrive(
                Ticket(number: number, handle: handle, mailbox: mailbox), of: UInt64(caller.rawValue), concurrency: concurrency,
                limit: queue.limit, patience: min(timeLeft, queue.wait.nanoseconds))
            return (arrival, number)
        }
    }

    /// One that was admitted has ended; those that are admitted in its place are told.
    ///
    /// - Parameter concurrency: as it is now; nil when there is no bound any more.
    func leave(_ service: ServiceID, took: UInt64?, concurrency: Int?) {
        let admitted = state.withLock { $0.queues[service]?.leave(took: took, concurrency: concurrency ?? .max) ?? [] }
        for ticket in admitted { ticket.mailbox.post(.admitted(ticket.handle, service, ticket.number)) }
    }

    /// - Returns: false when it was admitted in the meantime: it is about to be told.
    func withdraw(_ number: UInt64, at service: ServiceID, from caller: ServiceID) -> Bool {
        state.withLock { $0.queues[service]?.withdraw(of: UInt64(caller.rawValue)) { $0.number == number } ?? false }
    }

    /// How many are being answered and how many wait.
    func counts(of service: ServiceID) -> (active: Int, waiting: Int) {
        state.withLock { ($0.queues[service]?.active ?? 0, $0.queues[service]?.waiting ?? 0) }
    }
}
