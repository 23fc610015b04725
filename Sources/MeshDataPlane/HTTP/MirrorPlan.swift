internal import MeshBalancing
internal import MeshPolicy
internal import MeshTypes
internal import Synchronization

/// Where the copy of one request goes, as the policy stood when the request came.
struct MirrorPlan: BitwiseCopyable {
    /// Of the instances that get it; 0 for any.
    private(set) var version: UInt64 = 0
    /// `.none` for a service that the registry does not know.
    private(set) var target = ServiceID.none
    private(set) var place = MirrorPlaces.Key(service: .none, route: -1)
    private let milliseconds: UInt16
    private let limit: UInt16
    /// The lot fell on the request, and its copy was not made yet.
    var isDrawn = false

    static let none = MirrorPlan()

    private init() { (milliseconds, limit) = (0, 0) }

    init(_ mirror: Mirror, target: ServiceID, place: MirrorPlaces.Key) {
        version = mirror.version.map { StableHash.of($0) } ?? 0
        self.target = target
        self.place = place
        milliseconds = UInt16(clamping: mirror.timeout.nanoseconds / 1_000_000)
        limit = UInt16(clamping: mirror.concurrency)
        isDrawn = true
    }

    /// Nanoseconds for the copy as a whole.
    var timeout: UInt64 { UInt64(milliseconds) * 1_000_000 }
    /// Copies under way at one moment.
    var concurrency: Int { Int(limit) }
}

/// The copies that are under way, by the routes whose requests they are copies of: one view for all workers of the node.
final class MirrorPlaces: Sendable {
    struct Key: Hashable, BitwiseCopyable {
        let service: ServiceID
        let route: Int16
    }

    private let taken = Mutex<[Key: Int]>([:])

    /// - Returns: false when `limit` copies are under way.
    func take(_ key: Key, limit: Int) -> Bool {
        taken.withLock { taken in
            guard taken[key, default: 0] < limit else { return false }
            taken[key, default: 0] += 1
            return true
        }
    }

    /// Whatever the limit is by now.
    func leave(_ key: Key) {
        taken.withLock { taken in
            guard let count = taken[key] else { return }
            taken[key] = count > 1 ? count - 1 : nil
        }
    }
}
