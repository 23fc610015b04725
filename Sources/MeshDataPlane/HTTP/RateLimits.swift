internal import MeshPolicy
internal import MeshResilience
internal import MeshTypes
internal import Synchronization

/// How many more requests each service takes: one view for all workers of the node (R5.4, local to it).
final class RateLimits: Sendable {
    /// What is counted together.
    struct Key: Hashable {
        let service: ServiceID
        /// The route's number, -1 for the service's own limit.
        let route: Int16
        /// `.none` for all callers together.
        let caller: ServiceID
    }

    private let limiters = Mutex<[Key: RateLimiter]>([:])
    /// Beyond this many, those that have recovered are forgotten.
    private static let maximumKept = 65536

    func admit(_ key: Key, _ limit: ServicePolicy.RateLimit, now: UInt64) -> RateLimiter.Admission {
        limiters.withLock { limiters in
            if limiters.count >= Self.maximumKept { limiters = limiters.filter { !$0.value.isFresh(now: now) } }
            return limiters[key, default: RateLimiter()].admit(
                limit.requests, per: limit.period.nanoseconds, burst: limit.burst, now: now)
        }
    }
}
