package import MeshBPF
package import MeshTypes
internal import Synchronization

/// Why direct connections are being ended, for the moment when the kernel reports their end.
package final class WithdrawnFlows: Sendable {
    /// More than end at once: what is over it is logged as an ordinary reset.
    private static let capacity = 16384

    private struct Ends: Hashable {
        let source: SocketAddress
        let endpoint: SocketAddress
    }

    private let reasons = Mutex<[Ends: DenialReason]>([:])

    package init() {}

    /// What an earlier withdrawal left over has ended in some other way.
    package func note(_ flows: [(flow: DirectFlow, reason: DenialReason)]) {
        reasons.withLock { reasons in
            reasons.removeAll()
            for (flow, reason) in flows.prefix(Self.capacity) {
                reasons[Ends(source: flow.source, endpoint: flow.endpoint)] = reason
            }
        }
    }

    /// Puts the reason into the record of a direct connection that has ended, if it was ended for one.
    package func explain(_ record: inout FlowRecord) {
        let ends = Ends(source: record.sourceAddress, endpoint: record.endpoint)
        guard let reason = reasons.withLock({ $0.removeValue(forKey: ends) }) else { return }
        record.ending = .reset
        record.reason = reason
    }
}
