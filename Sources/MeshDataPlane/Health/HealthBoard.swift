internal import MeshProtocols
internal import MeshTypes
internal import Synchronization

/// What the node's probes have found: written by the thread that probes, read by workers and operators.
final class HealthBoard: Sendable {
    private let endpoints = Mutex<[SocketAddress: EndpointHealth]>([:])
    private let tallies = Mutex<[HealthTally: UInt64]>([:])

    var all: [EndpointHealth] { endpoints.withLock { Array($0.values) } }
    var counts: [HealthTally: UInt64] { tallies.withLock { $0 } }

    func set(_ health: EndpointHealth) { endpoints.withLock { $0[health.address] = health } }
    func remove(_ address: SocketAddress) { endpoints.withLock { $0[address] = nil } }
    func count(_ tally: HealthTally) { tallies.withLock { $0[tally, default: 0] += 1 } }

    /// What the node tells callers' nodes of its endpoints of a service.
    func statement(of service: ServiceID) -> [HealthFeed.Line] {
        endpoints.withLock { endpoints in
            endpoints.values.filter { $0.service == service && $0.readiness != .unknown }.map {
                HealthFeed.Line(endpoint: $0.address, isReady: $0.readiness == .ready)
            }
        }
    }
}
