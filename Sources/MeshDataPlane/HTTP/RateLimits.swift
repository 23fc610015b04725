internal import MeshPolicy
internal import MeshTypes
internal import Synchronization

/// How many more requests each service takes: one view for all workers of the node (R5.4, local to it).
///
/// The generic cell rate algorithm: a request is due one interval after the one before it, and may come early by the whole period's worth.
final class RateLimits: Sendable {
    /// When the next request would be due, in nanoseconds.
    private let due = Mutex<[ServiceID: UInt64]>([:])

    enum Admission: Equatable {
        case admitted
        /// Nanoseconds until one more is admitted.
        case refused(UInt64)
    }

    func admit(_ service: ServiceID, _ limit: ServicePolicy.RateLimit, now: UInt64) -> Admission {
        let period = limit.period.nanoseconds
        let interval = period / UInt64(limit.requests)
        return due.withLock { due in
            let next = max(due[service] ?? 0, now)
            // All of the period's requests may come at once; the one after them waits for an interval.
            guard next + interval <= now + period else { return .refused(next + interval - now - period) }
            due[service] = next + interval
            return .admitted
        }
    }
}

extension Duration {
    /// Never negative.
    var nanoseconds: UInt64 {
        let parts = components
        return UInt64(max(0, parts.seconds)) * 1_000_000_000 + UInt64(max(0, parts.attoseconds / 1_000_000_000))
    }
}
