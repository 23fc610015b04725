internal import MeshPolicy
internal import MeshResilience
internal import MeshRuntime
internal import MeshTypes
internal import Synchronization

/// The requests that each service is answering, and those that wait for one of them to end: one view for all workers of the node (R5.4).
final class Admissions: Sendable {
    /// One that waits: whom to tell that it is admitted.
    struct Ticket: Sendable, Equatable {
        let number: UInt64
        let handle: SlabHandle
        let mailbox: Mailbox<WorkerMessage>

        static func == (left: Ticket, right: Ticket) -> Bool { left.number == right.number }
    }

    private struct State {
        var queues: [ServiceID: AdmissionQueue<Ticket>] = [:]
        var next: UInt64 = 1
    }

    private let state = Mutex(State())

    func arrive(
        _ handle: SlabHandle, _ mailbox: Mailbox<WorkerMessage>, at service: ServiceID, from caller: ServiceID, _ bounds: QueueBounds,
        timeLeft: UInt64, now: UInt64
    ) -> (arrival: AdmissionQueue<Ticket>.Arrival, number: UInt64) {
        let (arrival, number) = state.withLock { state in
            let number = state.next
            state.next += 1
            let arrival = state.queues[service, default: AdmissionQueue()].arrive(
                Ticket(number: number, handle: handle, mailbox: mailbox), of: UInt64(caller.rawValue), bounds, timeLeft: timeLeft, now: now)
            return (arrival, number)
        }
        if case .queuedInsteadOf(let other) = arrival { other.mailbox.post(.turnedAway(other.handle, other.number, .queueFull)) }
        return (arrival, number)
    }

    /// One that was admitted has ended; those that are admitted in its place, or shed, are told.
    ///
    /// - Parameter bounds: as they are now.
    func leave(_ service: ServiceID, took: UInt64?, _ bounds: QueueBounds, now: UInt64) {
        let (admitted, shed) = state.withLock { $0.queues[service]?.leave(took: took, bounds, now: now) ?? ([], []) }
        for ticket in admitted { ticket.mailbox.post(.admitted(ticket.handle, service, ticket.number)) }
        for ticket in shed { ticket.mailbox.post(.turnedAway(ticket.handle, ticket.number, .shed)) }
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
