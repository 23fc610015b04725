import Glibc
import MeshDataPlane
import Synchronization
import Testing

extension DataPlaneTests {
    /// An instance dies with several requests under way, which are repeated all at once (R5.2).
    @Suite struct InstanceDeathTests {
        /// The instances share the requests: so many are lost.
        private static let lost = 8

        @Test func everyReadThatWasOnItsWayIsAnsweredByAnother() async throws {
            let held = Mutex(0)
            let isDead = Mutex(false)
            let dying = try HTTPCallee { _ in
                held.withLock { $0 += 1 }
                while !isDead.withLock({ $0 }) { usleep(1000) }
                return .closed
            }
            let other = try HTTPCallee { _ in
                while !isDead.withLock({ $0 }) { usleep(1000) }
                return .ok("yes")
            }
            var options = DataPlaneOptions()
            options.workers = 1
            let mesh = try await TwoNodes(endpoints: [dying.address, other.address], sourceOptions: options, speaks: .http, isLocal: true)
            let callers = try (0..<2 * Self.lost).map { _ in try HTTPCaller(mesh) }
            for caller in callers { caller.send("GET / HTTP/1.1\r\nhost: callee\r\n\r\n") }
            for _ in 0..<5000 where held.withLock({ $0 }) < Self.lost { usleep(1000) }
            #expect(held.withLock { $0 } == Self.lost)
            isDead.withLock { $0 = true }
            let answers = callers.map { $0.answer()?.status }
            #expect(answers.allSatisfy { $0 == 200 }, "\(answers)")
        }
    }
}
