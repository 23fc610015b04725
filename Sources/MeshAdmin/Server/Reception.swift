internal import MeshRuntime
package import NIOCore
internal import Synchronization

/// How many connections a server has, and of whom: where all places are taken, or one source has its share, the one that said nothing for
/// longest gives way. So whoever opens many connections displaces its own, and nobody waits behind them.
package final class Reception: Sendable {
    private typealias Pool = ArrivalPool<String, any Channel>

    /// A connection's place, until `leave`.
    package struct Place: Sendable {
        fileprivate let place: ArrivalPool<String, any Channel>.Place
        /// Nobody's.
        package static let none = Place(place: .none)
    }

    private let pool: Mutex<Pool>
    private let evicted = Atomic<Int>(0)

    /// - Parameters:
    ///   - total: connections at a time.
    ///   - perSource: of those, of one source.
    package init(total: Int, perSource: Int) { pool = Mutex(Pool(.init(total: total, perSource: perSource))) }

    package var count: Int { pool.withLock { $0.count } }

    /// Connections that gave way to others, since the start.
    package var displaced: Int { evicted.load(ordering: .relaxed) }

    /// To be called on any loop.
    package func enter(_ channel: any Channel, from source: String) -> Place {
        let (place, gone) = pool.withLock { pool in
            var gone: [any Channel] = []
            while let first = pool.firstToGo(for: source) {
                pool.leave(first.place)
                gone.append(first.guest)
            }
            return (pool.enter(channel, from: source), gone)
        }
        evicted.add(gone.count, ordering: .relaxed)
        for channel in gone { channel.close(promise: nil) }
        return Place(place: place)
    }

    /// It has said something: those that were not heard for longer go before it.
    package func hear(_ place: Place) { pool.withLock { $0.hear(place.place) } }

    package func contains(_ place: Place) -> Bool { pool.withLock { $0.contains(place.place) } }

    package func isSilent(_ place: Place) -> Bool { pool.withLock { $0.isSilent(place.place) } }

    package func leave(_ place: Place) { pool.withLock { $0.leave(place.place) } }
}
