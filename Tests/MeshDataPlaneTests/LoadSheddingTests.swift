import Glibc
import MeshDataPlane
import MeshPolicy
import MeshTypes
import Synchronization
import Testing

extension DataPlaneTests {
    /// A queue that stands, on real connections (R5.4).
    @Suite struct LoadSheddingTests {
        private final class Log: Sendable {
            struct Entry: Sendable {
                let at: Duration
                let took: Duration
                let reason: String
            }

            let entries = Mutex<[Entry]>([])
        }

        /// Twenty callers that ask again as soon as they were answered, of a service that answers 100 a second, two at a time.
        @Test func whatIsAdmittedWaitsForNoLongerThanTheTarget() async throws {
            let callee = try HTTPCallee { _ in
                usleep(20_000)
                return .ok("yes")
            }
            let policy = TwoNodes.allowing {
                $0.concurrency = 2
                $0.queue = ServicePolicy.Queue(limit: 100, wait: .milliseconds(500))
            }
            let mesh = try await TwoNodes(endpoints: [callee.address], policy: policy, speaks: .http, isLocal: true)
            let log = Log()
            let start = ContinuousClock.now
            let sockets = try (0..<20).map { _ in try mesh.dial() }
            let done = Done()
            for socket in sockets {
                TestThread.start {
                    let caller = HTTPCaller(socket)
                    while ContinuousClock.now - start < .milliseconds(2500) {
                        let asked = ContinuousClock.now
                        let answer = caller.ask("GET /")
                        let now = ContinuousClock.now
                        let reason = answer.map { $0.field("x-myelin-reason") ?? "none" } ?? "lost"
                        log.entries.withLock { $0.append(Log.Entry(at: asked - start, took: now - asked, reason: reason)) }
                        // Whoever was refused asks again a little later.
                        if reason != "none" { usleep(20_000) }
                    }
                    done.count.add(1, ordering: .relaxed)
                }
            }
            while done.count.load(ordering: .relaxed) < sockets.count { try await Task.sleep(for: .milliseconds(5)) }
            let entries = log.entries.withLock { $0 }
            #expect(Set(entries.map(\.reason)) == ["none", "load_shed"])
            func median(from: Duration, to: Duration) -> Duration {
                let times = entries.filter { $0.reason == "none" && $0.at >= from && $0.at < to }.map(\.took).sorted()
                return times.isEmpty ? .zero : times[times.count / 2]
            }
            // At first 18 wait, one gets its turn each hundredth of a second; then none waits for longer than 50 ms. On a busy machine all of it
            // takes longer, but not the wait compared with what it was.
            let early = median(from: .milliseconds(200), to: .milliseconds(500))
            let settled = median(from: .milliseconds(1200), to: .milliseconds(2500))
            #expect(early > .milliseconds(130))
            #expect(settled > .zero && settled < early * 2 / 3, "\(settled) after \(early)")
            #expect(entries.count { $0.reason == "none" } > 100)
        }

        private final class Done: Sendable {
            let count = Atomic<Int>(0)
        }
    }
}
