import Foundation
import Glibc
import MeshBalancing
import MeshDataPlane
import MeshPolicy
import MeshResilience
import MeshRouting
import MeshTypes
import Synchronization
import Testing

extension DataPlaneTests {
    /// Routes, breakers and queues on real connections (R4.4, R5.3, R5.4), counted at the callee.
    @Suite struct HTTPTrafficTests {
        private func mesh(
            _ callees: [SocketAddress], versions: [String] = [], _ change: (inout ServicePolicy) -> Void = { _ in }
        ) async throws -> TwoNodes {
            try await TwoNodes(
                endpoints: callees, policy: TwoNodes.allowing(change), speaks: .http, isLocal: true, versions: versions)
        }

        private func route(_ path: String, _ change: (inout ServicePolicy.Route) -> Void) -> ServicePolicy.Route {
            var route = ServicePolicy.Route()
            route.match.path = .exact(Array(path.utf8))
            change(&route)
            return route
        }

        // MARK: Routes

        @Test func aRouteHasTimesAndRetriesOfItsOwn() async throws {
            let callee = try HTTPCallee { request in
                if request.line.contains("/slow") { usleep(300_000) }
                return .ok("yes")
            }
            let mesh = try await mesh([callee.address]) {
                $0.timeouts.request = .milliseconds(100)
                $0.routes = [route("/slow") { $0.timeouts.request = .seconds(2) }]
            }
            #expect(try HTTPCaller(mesh).ask("GET /slow")?.status == 200)
            #expect(try HTTPCaller(mesh).ask("GET /slow/other")?.status == 504)
            #expect(callee.requests.map { $0.field("x-myelin-deadline") } == [["2000"], ["100"]])
        }

        @Test func aSplitGoesToInstancesOfTheVersion() async throws {
            let (one, two) = (try HTTPCallee { _ in .ok("v1") }, try HTTPCallee { _ in .ok("v2") })
            let mesh = try await mesh([one.address, two.address], versions: ["v1", "v2"]) {
                $0.routes = [
                    route("/a") { $0.split = [VersionShare(version: "v1", weight: 90), VersionShare(version: "v2", weight: 10)] },
                    route("/b") { $0.split = [VersionShare(version: "v3", weight: 1)] },
                ]
            }
            let caller = try HTTPCaller(mesh)
            for _ in 0..<1000 { #expect(caller.ask("GET /a")?.status == 200) }
            #expect((50...150).contains(two.requests.count), "\(two.requests.count) of 1000 went to v2")
            let answer = caller.ask("GET /b")
            #expect(answer?.status == 503 && answer?.field("x-myelin-reason") == "no_endpoint")
        }

        @Test func aRedirectIsTheMeshsOwnAnswer() async throws {
            let callee = try HTTPCallee { _ in .ok("yes") }
            let mesh = try await mesh([callee.address]) {
                $0.routes = [route("/old") { $0.redirect = Redirect(status: 308, location: "/new") }]
            }
            let caller = try HTTPCaller(mesh)
            let answer = try #require(caller.ask("GET /old?x=1"))
            #expect(answer.status == 308 && answer.field("location") == "/new" && answer.field("x-myelin-reason") == nil)
            #expect(caller.ask("GET /new")?.status == 200)
            #expect(callee.requests.count == 1)
        }

        @Test func aFaultIsInjected() async throws {
            let callee = try HTTPCallee { _ in .ok("yes") }
            let mesh = try await mesh([callee.address]) {
                var fault = InjectedFault()
                fault.delay = .milliseconds(150)
                var abort = fault
                abort.abort = 418
                $0.routes = [route("/late") { $0.fault = fault }, route("/broken") { $0.fault = abort }]
            }
            let caller = try HTTPCaller(mesh)
            var start = ContinuousClock.now
            #expect(caller.ask("GET /late")?.status == 200)
            #expect(ContinuousClock.now - start >= .milliseconds(150))
            start = .now
            let answer = try #require(caller.ask("GET /broken"))
            #expect(answer.status == 418 && answer.field("x-myelin-reason") == "injected_fault")
            #expect(ContinuousClock.now - start >= .milliseconds(150))
            #expect(callee.requests.count == 1)
        }

        @Test func aRouteHasALimitOfItsOwn() async throws {
            let callee = try HTTPCallee { _ in .ok("yes") }
            let mesh = try await mesh([callee.address]) {
                $0.routes = [
                    route("/a") { $0.rateLimit = ServicePolicy.RateLimit(requests: 60, period: .seconds(60), burst: 2, scope: .caller) }
                ]
            }
            let caller = try HTTPCaller(mesh)
            #expect((0..<3).map { _ in caller.ask("GET /a")?.status } == [200, 200, 429])
            let refused = try #require(caller.ask("GET /a"))
            #expect(refused.field("ratelimit-policy") == "\"default\";q=60;w=60")
            #expect(refused.field("ratelimit") == "\"default\";r=0;t=1")
            for _ in 0..<5 { #expect(caller.ask("GET /b")?.status == 200) }
        }

        // MARK: Attempts

        @Test func aTryThatTakesTooLongIsMadeElsewhere() async throws {
            let first = Mutex(true)
            let reply: @Sendable (HTTPCallee.Request) -> HTTPCallee.Reply = { _ in
                let isFirst = first.withLock { value in
                    defer { value = false }
                    return value
                }
                return isFirst ? .silence : .ok("yes")
            }
            let (one, two) = (try HTTPCallee(reply), try HTTPCallee(reply))
            let mesh = try await mesh([one.address, two.address]) { $0.timeouts.attempt = .milliseconds(100) }
            let start = ContinuousClock.now
            #expect(try HTTPCaller(mesh).ask("GET /")?.status == 200)
            #expect(ContinuousClock.now - start < .milliseconds(1000))
            #expect(one.requests.count == 1 && two.requests.count == 1)
        }

        @Test func thePolicyMayAllowThatAPostIsRepeated() async throws {
            let (one, two) = (try HTTPCallee { _ in .closed }, try HTTPCallee { _ in .closed })
            let mesh = try await mesh([one.address, two.address]) { $0.retries = ServicePolicy.Retries(attempts: 1, areForAll: true) }
            #expect(try HTTPCaller(mesh).ask("POST /", body: "x")?.status == 502)
            #expect(one.requests.count == 1 && two.requests.count == 1)
        }

        // MARK: Breakers

        @Test func aServiceThatFailsIsNotAskedAnyMore() async throws {
            let isWell = Atomic<Bool>(false)
            let callee = try HTTPCallee { _ in isWell.load(ordering: .relaxed) ? .ok("yes") : .status(500) }
            let mesh = try await mesh([callee.address]) { $0.circuitBreaker = .high }
            let caller = try HTTPCaller(mesh)
            let settings = Sensitivity.high.settings
            for _ in 0..<settings.volume { #expect(caller.ask("GET /")?.status == 500) }
            let answer = try #require(caller.ask("GET /"))
            #expect(answer.status == 503 && answer.field("x-myelin-reason") == "circuit_open")
            #expect(answer.field("retry-after") == "\(settings.firstCooling / 1_000_000_000)")
            #expect(callee.requests.count == settings.volume)
            #expect(mesh.source.dataPlane.load(of: ServiceID(rawValue: 2))?.service == .open)
            isWell.store(true, ordering: .relaxed)
            usleep(UInt32(settings.firstCooling / 1000) + 50_000)
            #expect(caller.ask("GET /")?.status == 200)
            #expect(mesh.source.dataPlane.load(of: ServiceID(rawValue: 2))?.service == .closed)
        }

        private static func outstanding(_ mesh: TwoNodes) -> Int {
            mesh.source.dataPlane.load(of: ServiceID(rawValue: 2))?.endpoints.reduce(0) { $0 + $1.outstanding } ?? 0
        }

        @Test func anInstanceThatFailsIsPassedOver() async throws {
            let (bad, good) = (try HTTPCallee { _ in .status(500) }, try HTTPCallee { _ in .ok("yes") })
            let mesh = try await mesh([bad.address, good.address])
            let caller = try HTTPCaller(mesh)
            for _ in 0..<60 { _ = caller.ask("GET /") }
            #expect(bad.requests.count == Sensitivity.normal.settings.consecutive)
            let states = try #require(mesh.source.dataPlane.load(of: ServiceID(rawValue: 2))).endpoints
            #expect(states.first { $0.address == bad.address }?.state == .open)
            // The caller has its answer a moment before the worker counts the request as ended.
            for _ in 0..<1000 where Self.outstanding(mesh) > 0 { usleep(1000) }
            #expect(Self.outstanding(mesh) == 0)
        }

        // MARK: Queues

        /// Answers after a while, and knows how many it had to answer at one moment.
        private final class Busy: Sendable {
            private let state = Mutex((now: 0, most: 0))
            var most: Int { state.withLock { $0.most } }
            func work(_ milliseconds: UInt32) {
                state.withLock {
                    $0.now += 1
                    $0.most = max($0.most, $0.now)
                }
                usleep(milliseconds * 1000)
                state.withLock { $0.now -= 1 }
            }
        }

        @Test func moreThanTheConcurrencyWaitAndMoreThanTheQueueAreRefused() async throws {
            let busy = Busy()
            let callee = try HTTPCallee { _ in
                busy.work(300)
                return .ok("yes")
            }
            let mesh = try await mesh([callee.address]) {
                $0.concurrency = 2
                $0.queue = ServicePolicy.Queue(limit: 3, wait: .seconds(3))
            }
            let callers = try (0..<8).map { _ in try HTTPCaller(mesh) }
            for caller in callers {
                caller.send("GET / HTTP/1.1\r\nhost: callee\r\n\r\n")
                usleep(10_000)
            }
            let answers = callers.map { $0.answer() }
            #expect(answers.map { $0?.status } == [200, 200, 200, 200, 200, 503, 503, 503])
            #expect(answers.last??.field("x-myelin-reason") == "queue_full")
            #expect(answers.last??.field("retry-after") != nil)
            #expect(busy.most == 2)
        }

        @Test func whoWaitsTooLongOrLeavesMakesRoom() async throws {
            let busy = Busy()
            let callee = try HTTPCallee { _ in
                busy.work(500)
                return .ok("yes")
            }
            let mesh = try await mesh([callee.address]) {
                $0.concurrency = 1
                $0.queue = ServicePolicy.Queue(limit: 10, wait: .milliseconds(200))
            }
            let (first, impatient, leaver) = (try HTTPCaller(mesh), try HTTPCaller(mesh), try HTTPCaller(mesh))
            for caller in [first, impatient, leaver] {
                caller.send("GET / HTTP/1.1\r\nhost: callee\r\n\r\n")
                usleep(20_000)
            }
            leaver.socket.abort()
            let start = ContinuousClock.now
            #expect(impatient.answer()?.field("x-myelin-reason") == "queue_full")
            #expect(ContinuousClock.now - start < .milliseconds(400))
            #expect(first.answer()?.status == 200)
            // Nobody waits any more, and the place is free.
            #expect(first.ask("GET /")?.status == 200)
            #expect(callee.requests.count == 2 && busy.most == 1)
        }
    }
}
