internal import MeshPolicy
package import MeshResilience
internal import MeshRuntime
internal import MeshTypes
internal import Synchronization

/// This node's part of the rates that all nodes share, and the requests that wait for a lease of them: one view for all its workers (R5.4).
package final class GlobalRates: LeaseDesk {
    /// What becomes of a request whose limit nobody can be asked about.
    package enum Fallback: String, Sendable, CaseIterable {
        /// This node enforces the whole limit by itself.
        case local
        case refuse
    }

    /// One that waits: whom to tell.
    struct Ticket: Sendable {
        let number: UInt64
        let handle: SlabHandle
        let mailbox: Mailbox<WorkerMessage>
    }

    enum Admission: Equatable {
        case admitted
        /// Nanoseconds until one more may be.
        case refused(wait: UInt64)
        /// It is told by a message with this number.
        case waits(number: UInt64)
        /// Nobody can be asked.
        case unanswered
    }

    fileprivate struct Limit {
        let number: UInt64
        let name: String
        var limit: ServicePolicy.RateLimit
        var rate = LeasedRate<Ticket>()
        /// It stands in the list of those to ask for.
        var isListed = false

        var shape: LeaseShape { LeaseShape(requests: limit.requests, per: limit.period.nanoseconds, burst: limit.burst) }
    }

    fileprivate struct State {
        var limits: [RateLimits.Key: Limit] = [:]
        var keys: [UInt64: RateLimits.Key] = [:]
        var listed: [RateLimits.Key] = []
        var nextNumber: UInt64 = 1
        var isAvailable = false
        var counts = GlobalRateCounts()
        var wake: @Sendable () -> Void = {}
    }

    package let fallback: Fallback
    private let state = Mutex(State())
    /// Beyond this many, those that nobody uses are forgotten; when all are used, nobody is asked for more.
    fileprivate static let maximumKept = 65536

    package init(fallback: Fallback) { self.fallback = fallback }

    /// - Parameter name: what is counted, the same on all nodes.
    func admit(
        _ key: RateLimits.Key, _ limit: ServicePolicy.RateLimit, _ handle: SlabHandle, _ mailbox: Mailbox<WorkerMessage>, now: UInt64,
        name: @autoclosure () -> String
    ) -> Admission {
        let (admission, wake) = state.withLock { state -> (Admission, (@Sendable () -> Void)?) in
            guard state.open(key, limit, now: now, name: name) else { return (.unanswered, nil) }
            guard state.isAvailable else { return (state.limits[key]?.rate.spend(now: now) == true ? .admitted : .unanswered, nil) }
            let number = state.nextNumber
            state.nextNumber += 1
            let ticket = Ticket(number: number, handle: handle, mailbox: mailbox)
            let arrival = state.limits[key]?.rate.arrive(ticket, now: now) ?? .refused(wait: 0)
            let wake = state.list(key, now: now) ? state.wake : nil
            switch arrival {
            case .admitted: return (.admitted, wake)
            case .refused(let wait): return (.refused(wait: wait), wake)
            case .waits: return (.waits(number: number), wake)
            }
        }
        wake?()
        return admission
    }

    /// A request was decided without the other nodes.
    func noteFallback(admitted: Bool) {
        state.withLock { if admitted { $0.counts.admittedAlone += 1 } else { $0.counts.refusedAlone += 1 } }
    }

    package var counts: GlobalRateCounts {
        state.withLock { state in
            var counts = state.counts
            for limit in state.limits.values { counts.lapsed += limit.rate.lapsed }
            return counts
        }
    }

    // MARK: The desk

    package func whenOrdered(_ wake: @escaping @Sendable () -> Void) { state.withLock { $0.wake = wake } }

    package func takeOrders(_ maximum: Int) -> [LeaseOrder] {
        let now = MonotonicClock.now()
        return state.withLock { state in
            let keys = state.listed.prefix(maximum)
            state.listed.removeFirst(keys.count)
            return keys.compactMap { state.limits[$0]?.order(now: now) }
        }
    }

    package func settle(_ answers: [LeaseAnswer]) {
        let now = MonotonicClock.now()
        var told: [(Ticket, LeaseOutcome)] = []
        let wake = state.withLock { state -> (@Sendable () -> Void)? in
            var isListed = false
            for answer in answers {
                guard let key = state.keys[answer.number], let shape = state.limits[key]?.shape,
                    let outcome = state.limits[key]?.rate.settle(tokens: answer.tokens, wait: answer.wait, shape, now: now)
                else { continue }
                state.counts.leased += answer.tokens
                if answer.wait == 0 { state.counts.granted += 1 } else { state.counts.usedUp += 1 }
                told += outcome.admitted.map { ($0, .admitted) } + outcome.refused.map { ($0, .refused(wait: answer.wait)) }
                if state.list(key, now: now) { isListed = true }
            }
            return isListed ? state.wake : nil
        }
        for (ticket, outcome) in told { ticket.mailbox.post(.leased(ticket.handle, ticket.number, outcome)) }
        wake?()
    }

    package func setAvailable(_ isAvailable: Bool) {
        let left = state.withLock { state -> [Ticket] in
            state.isAvailable = isAvailable
            state.listed = []
            var left: [Ticket] = []
            for key in state.limits.keys {
                state.limits[key]?.isListed = false
                if state.limits[key]?.rate.isOrdered == true { state.counts.failed += 1 }
                left += state.limits[key]?.rate.fail() ?? []
            }
            return left
        }
        for ticket in left { ticket.mailbox.post(.leased(ticket.handle, ticket.number, .unanswered)) }
    }
}

extension GlobalRates.Limit {
    fileprivate mutating func order(now: UInt64) -> LeaseOrder? {
        isListed = false
        return rate.order(shape, now: now).map {
            LeaseOrder(
                number: number, name: name, requests: limit.requests, period: limit.period.nanoseconds, burst: limit.burst, tokens: $0)
        }
    }
}

extension GlobalRates.State {
    /// Makes the limit known, as it is now. - Returns: false when there are too many.
    fileprivate mutating func open(
        _ key: RateLimits.Key, _ limit: ServicePolicy.RateLimit, now: UInt64, name: () -> String
    ) -> Bool {
        if limits[key] != nil {
            limits[key]?.limit = limit
            return true
        }
        if limits.count >= GlobalRates.maximumKept { forgetFresh(now: now) }
        guard limits.count < GlobalRates.maximumKept else { return false }
        limits[key] = GlobalRates.Limit(number: nextNumber, name: name(), limit: limit)
        keys[nextNumber] = key
        nextNumber += 1
        return true
    }

    private mutating func forgetFresh(now: UInt64) {
        for (key, limit) in limits where limit.rate.isFresh(now: now) && !limit.isListed {
            counts.lapsed += limit.rate.lapsed
            keys[limit.number] = nil
            limits[key] = nil
        }
    }

    /// Puts the limit on the list of those to ask for, if it is time to. - Returns: whether the list was empty before.
    fileprivate mutating func list(_ key: RateLimits.Key, now: UInt64) -> Bool {
        guard let limit = limits[key], !limit.isListed, limit.rate.needsOrder(limit.shape, now: now) else { return false }
        limits[key]?.isListed = true
        listed.append(key)
        return listed.count == 1
    }
}

/// What became of a request that waited for a lease.
enum LeaseOutcome: Sendable, Equatable {
    case admitted
    /// Nanoseconds until one more may be.
    case refused(wait: UInt64)
    case unanswered
}

/// Counts since the start.
package struct GlobalRateCounts: Sendable, Equatable {
    /// Leases that brought all that was asked for, less than that, or were not answered.
    package var granted = 0
    package var usedUp = 0
    package var failed = 0
    /// Tokens that came, and those of them that were not spent in time.
    package var leased = 0
    package var lapsed = 0
    /// Requests that this node decided by itself because nobody could be asked.
    package var admittedAlone = 0
    package var refusedAlone = 0

    package init() {}
}
