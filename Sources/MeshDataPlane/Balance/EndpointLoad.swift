internal import MeshSnapshot
internal import MeshTypes
internal import Synchronization

/// How busy and how healthy each endpoint is: one view for all workers of the node (R4.1, R5.3 passive).
package final class EndpointLoad: Sendable {
    private struct Load {
        var outstanding: Int32 = 0
        /// Passed over until this time while others are left.
        var ejectedUntil: UInt64 = 0
    }

    /// Endpoints that nobody uses and that are healthy are forgotten beyond this.
    private static let maximumIdle = 65536

    private struct State {
        var loads: [SocketAddress: Load] = [:]
        var turn = 0
    }

    private let state = Mutex(State())
    private let ejection: UInt64

    package init(ejection: Duration) {
        self.ejection = UInt64(ejection.components.seconds) * 1_000_000_000
    }

    /// The nearest healthy endpoint with the fewest outstanding flows, and counts the flow in; nil if there is none.
    ///
    /// - Parameter tried: a bit for each endpoint (index modulo 64) that this flow tried already.
    func pick(from endpoints: [Endpoint], tried: UInt64, here: Locality, now: UInt64) -> Int? {
        state.withLock { state in
            state.turn &+= 1
            let choice =
                best(endpoints, tried, here, now, &state, ejected: false)
                ?? best(endpoints, tried, here, now, &state, ejected: true)
            if let choice { state.loads[endpoints[choice].address, default: Load()].outstanding += 1 }
            return choice
        }
    }

    private func best(
        _ endpoints: [Endpoint], _ tried: UInt64, _ here: Locality, _ now: UInt64, _ state: inout State, ejected: Bool
    ) -> Int? {
        var choice: Int?
        var least = Int32.max
        var distance = Locality.Distance.elsewhere
        let count = endpoints.count
        for offset in 0..<count {
            // Start at another one each time, so that equals share.
            let index = (offset &+ state.turn) % count
            guard tried >> UInt64(index % 64) & 1 == 0 else { continue }
            let load = state.loads[endpoints[index].address] ?? Load()
            guard (load.ejectedUntil > now) == ejected else { continue }
            let away = here.distance(to: endpoints[index].locality)
            if choice == nil || away < distance || (away == distance && load.outstanding < least) {
                choice = index
                least = load.outstanding
                distance = away
            }
        }
        return choice
    }

    func finished(_ endpoint: SocketAddress, failed: Bool, now: UInt64) {
        state.withLock { state in
            guard var load = state.loads[endpoint] else { return }
            load.outstanding = max(0, load.outstanding - 1)
            if failed { load.ejectedUntil = now + ejection }
            let isIdle = load.outstanding == 0 && load.ejectedUntil <= now
            state.loads[endpoint] = isIdle && state.loads.count > Self.maximumIdle ? nil : load
        }
    }
}
