package import MeshTypes
internal import Synchronization

/// Gives every service a number that the kernel maps, workers and flows use; a number stays with its service while the daemon lives.
///
/// Numbers start at 1 and are dense. A service that leaves the registry keeps its number, so that flows which outlive it are
/// still named rightly.
package final class ServiceNumbers: Sendable {
    /// More services than this are refused: it bounds the tables indexed by number.
    package static let maximum = 100_000

    private struct State {
        var numbers: [ServiceIdentity: ServiceID] = [:]
        var identities: [ServiceIdentity] = []
    }

    private let state = Mutex(State())

    package init() {}

    /// - Returns: nil when `maximum` services have been seen.
    package func number(of service: ServiceIdentity) -> ServiceID? {
        state.withLock { state in
            if let known = state.numbers[service] { return known }
            guard state.identities.count < Self.maximum else { return nil }
            state.identities.append(service)
            let id = ServiceID(rawValue: UInt32(state.identities.count))
            state.numbers[service] = id
            return id
        }
    }

    package func identity(of id: ServiceID) -> ServiceIdentity? {
        state.withLock { state in
            let index = Int(id.rawValue) - 1
            return state.identities.indices.contains(index) ? state.identities[index] : nil
        }
    }
}
