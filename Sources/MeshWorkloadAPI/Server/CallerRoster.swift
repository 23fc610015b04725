internal import Synchronization

/// Counts what each caller holds, so that none of them can keep the others out.
package final class CallerRoster: Sendable {
    private struct Counts {
        var total = 0
        var byCaller: [String: Int] = [:]
    }

    private let total: Int
    private let perCaller: Int
    private let counts = Mutex(Counts())

    package init(total: Int, perCaller: Int) {
        self.total = total
        self.perCaller = perCaller
    }

    var count: Int { counts.withLock { $0.total } }

    /// - Returns: false at the bound; else `leave` must follow.
    package func enter(_ caller: String) -> Bool {
        counts.withLock { counts in
            guard counts.total < total, counts.byCaller[caller, default: 0] < perCaller else { return false }
            counts.total += 1
            counts.byCaller[caller, default: 0] += 1
            return true
        }
    }

    package func leave(_ caller: String) {
        counts.withLock { counts in
            counts.total -= 1
            let left = counts.byCaller[caller, default: 1] - 1
            counts.byCaller[caller] = left > 0 ? left : nil
        }
    }
}
