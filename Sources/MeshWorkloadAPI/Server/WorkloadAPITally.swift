internal import Synchronization

/// What the Workload API did, for metrics: the labels are closed sets.
package final class WorkloadAPITally: Sendable {
    package struct Call: Hashable, Sendable {
        /// nil for methods that do not exist.
        package let method: WorkloadMethod?
        package let code: GRPCStatus.Code

        package init(method: WorkloadMethod?, code: GRPCStatus.Code) {
            self.method = method
            self.code = code
        }
    }

    private let calls = Mutex<[Call: Int]>([:])
    private let sent = Mutex(0)

    package init() {}

    /// Calls that ended, by their status.
    package var ended: [Call: Int] { calls.withLock(\.self) }
    /// SVIDs that were handed out, the first of a stream and later ones.
    package var handedOut: Int { sent.withLock(\.self) }

    func count(_ method: WorkloadMethod?, _ code: GRPCStatus.Code) {
        calls.withLock { $0[Call(method: method, code: code), default: 0] += 1 }
    }

    func countSVID() { sent.withLock { $0 += 1 } }
}
