package import Foundation

/// Wall time, because certificates are valid by it. Injected, so that tests need not wait.
package protocol IdentityClock: Sendable {
    var now: Date { get }
    /// Returns after `duration`, or throws `CancellationError`.
    func sleep(for duration: Duration) async throws
}

package struct SystemIdentityClock: IdentityClock {
    package init() {}
    package var now: Date { Date() }
    package func sleep(for duration: Duration) async throws { try await Task.sleep(for: duration) }
}

extension Duration {
    /// For Foundation's dates only.
    var inSeconds: TimeInterval {
        let parts = components
        return TimeInterval(parts.seconds) + TimeInterval(parts.attoseconds) * 1e-18
    }
}
