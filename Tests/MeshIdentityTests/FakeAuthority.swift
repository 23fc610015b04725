import Foundation
import MeshIdentity
import MeshTLS
import MeshTypes
import Synchronization

/// A clock that tests set.
final class FakeClock: IdentityClock {
    private let time = Mutex(Date())
    var now: Date { time.withLock { $0 } }
    func advance(_ seconds: TimeInterval) { time.withLock { $0 += seconds } }
    func sleep(for duration: Duration) async throws {
        try Task.checkCancellation()
        advance(TimeInterval(duration.components.seconds))
        await Task.yield()
    }
}

/// An authority that fails when it is told to, and counts.
final class FakeAuthority: CertificateAuthority {
    private struct State {
        var isDown = false
        var requests = 0
        var extraRoots: [[UInt8]] = []
        var revoked = RevokedSerials.none
    }
    private let state = Mutex(State())
    private let real: EmbeddedCA

    init(_ real: EmbeddedCA) { self.real = real }

    var isDown: Bool {
        get { state.withLock { $0.isDown } }
        set { state.withLock { $0.isDown = newValue } }
    }
    var requests: Int { state.withLock { $0.requests } }
    func trustAlso(_ root: [UInt8]) { state.withLock { $0.extraRoots.append(root) } }

    func trustedRoots() async throws(AuthorityFailure) -> [[UInt8]] {
        try await real.trustedRoots() + state.withLock { $0.extraRoots }
    }

    func revocations() async throws(AuthorityFailure) -> RevokedSerials { state.withLock { $0.revoked } }
    func revoke(_ serials: Set<String>) { state.withLock { $0.revoked = RevokedSerials(serials) } }

    func issue(
        for identity: SPIFFEID, requestDER: [UInt8], lifetime: Duration, now: Date
    ) async throws(AuthorityFailure) -> IssuedCertificate {
        state.withLock { $0.requests += 1 }
        await Task.yield()
        if isDown { throw AuthorityFailure(.unreachable, "the authority is down", advice: "wait") }
        return try await real.issue(for: identity, requestDER: requestDER, lifetime: lifetime, now: now)
    }
}
