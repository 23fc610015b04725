import Foundation
import Glibc
import MeshBalancing
import MeshDataPlane
import MeshPolicy
import MeshProtocols
import MeshTypes
import Synchronization
import Testing

extension DataPlaneTests {
    /// Active health checks (R5.5): probed by the callee's node, believed by the caller's.
    @Suite struct HealthTests {
        /// A service that answers its checks as the test says, and remembers how often it was called otherwise.
        private final class Callee: Sendable {
            let server: HTTPCallee
            private let answers: Flags

            final class Flags: Sendable {
                let ready = Atomic(true)
                let alive = Atomic(true)
            }

            init(isReady: Bool = true) throws {
                let answers = Flags()
                answers.ready.store(isReady, ordering: .relaxed)
                self.answers = answers
                server = try HTTPCallee { request in
                    if request.line.hasPrefix("GET /ready ") { return answers.ready.load(ordering: .relaxed) ? .ok("ready") : .status(503) }
                    if request.line.hasPrefix("GET /live ") { return answers.alive.load(ordering: .relaxed) ? .ok("live") : .silence }
                    return .ok("yes")
                }
            }

            func set(ready: Bool) { answers.ready.store(ready, ordering: .relaxed) }
            func set(alive: Bool) { answers.alive.store(alive, ordering: .relaxed) }
            var address: SocketAddress { server.address }
            var calls: Int { server.requests.count { $0.line.hasPrefix("GET / ") } }
            var probes: [HTTPCallee.Request] { server.requests.filter { $0.line.hasPrefix("GET /ready ") } }
        }

        private static let interval = Duration.milliseconds(100)

        private static func check(_ path: String, unhealthy: Int = 1) -> HealthCheck {
            HealthCheck(
                probe: .http(path: path, statuses: HealthCheck.defaultStatuses), interval: interval, timeout: interval,
                unhealthy: unhealthy, healthy: 1)
        }

        private static let rules = HealthRules(readiness: check("/ready"), liveness: nil)

        private func mesh(
            _ callees: [SocketAddress], _ rules: HealthRules? = HealthTests.rules, isLocal: Bool = false, isHTTP: Bool = true,
            sourceOptions: DataPlaneOptions = DataPlaneOptions(), destinationPolicy: PolicySet? = nil
        ) async throws -> TwoNodes {
            // In turn: what becomes ready gets its share by and by, also of calls that come one after the other.
            let policy = TwoNodes.allowing {
                $0.health = rules
                $0.balance = .roundRobin
            }
            return try await TwoNodes(
                endpoints: callees, policy: policy, sourceOptions: sourceOptions, speaks: isHTTP ? .http : .tcp,
                isLocal: isLocal, destinationPolicy: destinationPolicy)
        }

        private func eventually(_ seconds: Double = 5, _ condition: () throws -> Bool) rethrows -> Bool {
            let deadline = ContinuousClock.now + .seconds(seconds)
            while ContinuousClock.now < deadline {
                if try condition() { return true }
                usleep(5_000)
            }
            return false
        }

        /// What the node that hosts the callees knows of one.
        private func health(_ node: TestNode, _ address: SocketAddress) -> EndpointHealth? {
            node.dataPlane.health.first { $0.address == address }
        }

        /// What the caller's node goes by.
        private func believed(_ mesh: TwoNodes, _ address: SocketAddress) -> Readiness? {
            mesh.source.dataPlane.load(of: ServiceID(rawValue: 2))?.endpoints.first { $0.address == address }?.readiness
        }

        /// Probes that passed.
        private func passed(_ node: TestNode) -> UInt64 {
            node.dataPlane.healthTallies.filter { $0.key.kind == .readiness && $0.key.result == .passed }.values.reduce(0, +)
        }

        /// Asks until `count` answers came. - Returns: how many were 200.
        private func ask(_ caller: HTTPCaller, _ count: Int) -> Int {
            (0..<count).count { _ in caller.ask("GET /")?.status == 200 }
        }

        // MARK: Between two nodes

        @Test func aRealServerThatTurnsUnreadyIsLeftWithoutAFailureAndUsedAgain() async throws {
            let (one, two) = (try RealServer(.nginx), try RealServer(.nginx))
            let mesh = try await mesh([one.address, two.address])
            let caller = try HTTPCaller(mesh)
            func calls(_ server: RealServer) -> Int { server.requests.count { $0 == "GET /" } }
            #expect(ask(caller, 20) == 20)
            #expect(calls(one) > 0 && calls(two) > 0)
            #expect(eventually { believed(mesh, two.address) == .ready })
            two.setReady(false)
            let turned = ContinuousClock.now
            #expect(eventually { believed(mesh, two.address) == .unready })
            #expect(ContinuousClock.now - turned < Self.interval + .milliseconds(400), "one interval, and what a busy machine takes")
            let before = calls(two)
            #expect(ask(caller, 100) == 100)
            #expect(calls(two) == before)
            two.setReady(true)
            #expect(eventually { believed(mesh, two.address) == .ready })
            #expect(ask(caller, 100) == 100)
            #expect(calls(two) > before)
        }

        /// Calls go on while an endpoint turns unready and ready again, again and again: none fails.
        @Test func noCallFailsWhileReadinessChanges() async throws {
            let (one, two) = (try Callee(), try Callee())
            let mesh = try await mesh([one.address, two.address])
            let callers = try (0..<4).map { _ in try HTTPCaller(mesh) }
            for round in 0..<6 {
                (round % 2 == 0 ? one : two).set(ready: false)
                for caller in callers { #expect(ask(caller, 60) == 60) }
                (round % 2 == 0 ? one : two).set(ready: true)
                for caller in callers { #expect(ask(caller, 60) == 60) }
            }
        }

        @Test(arguments: [false, true])
        func theFirstCallAlreadySparesTheUnready(isLocal: Bool) async throws {
            let (bad, good) = (try Callee(isReady: false), try Callee())
            let mesh = try await mesh([bad.address, good.address], isLocal: isLocal)
            let node = isLocal ? mesh.source : mesh.destination
            #expect(eventually { health(node, bad.address)?.readiness == .unready && health(node, good.address)?.readiness == .ready })
            for _ in 0..<6 { #expect(ask(try HTTPCaller(mesh), 5) == 5) }
            #expect(bad.calls == 0 && good.calls == 30)
            #expect(health(node, bad.address)?.failure == "answered 503")
        }

        @Test func theCalleesNodeRefusesWhomItHasNotTold() async throws {
            let (bad, good) = (try Callee(isReady: false), try Callee())
            // The caller's node does not know that there are checks, as an older one would not.
            let mesh = try await mesh([bad.address, good.address], nil, destinationPolicy: TwoNodes.allowing { $0.health = Self.rules })
            #expect(eventually { health(mesh.destination, bad.address)?.readiness == .unready })
            for _ in 0..<6 { #expect(ask(try HTTPCaller(mesh), 2) == 2) }
            #expect(bad.calls == 0)
            let refused = try #require(mesh.destination.nextFlow { $0.reason == .endpointNotReady })
            #expect(refused.endpoint == bad.address && refused.ending == .refused)
            #expect(believed(mesh, bad.address) == .unready, "the refusal itself tells")
        }

        @Test(arguments: [false, true])
        func whenNoneIsReadyAllAreUsed(isLocal: Bool) async throws {
            let (one, two) = (try Callee(isReady: false), try Callee(isReady: false))
            let mesh = try await mesh([one.address, two.address], isLocal: isLocal)
            let node = isLocal ? mesh.source : mesh.destination
            #expect(eventually { node.dataPlane.health.count { $0.readiness == .unready } == 2 })
            for _ in 0..<6 { #expect(ask(try HTTPCaller(mesh), 5) == 5) }
            #expect(one.calls > 0 && two.calls > 0)
        }

        @Test func connectionsGoByReadinessToo() async throws {
            let (bad, good) = (try Callee(isReady: false), try Callee())
            let mesh = try await mesh([bad.address, good.address], isHTTP: false)
            #expect(eventually { health(mesh.destination, bad.address)?.readiness == .unready })
            for _ in 0..<8 { #expect(ask(try HTTPCaller(mesh), 1) == 1) }
            #expect(bad.calls == 0)
        }

        @Test func aServiceWithoutTheKeyIsNotAsked() async throws {
            let callee = try Callee(isReady: false)
            let mesh = try await mesh([callee.address], nil)
            #expect(ask(try HTTPCaller(mesh), 5) == 5)
            usleep(1_200_000)
            #expect(callee.probes.isEmpty && mesh.destination.dataPlane.health.isEmpty)
            #expect(believed(mesh, callee.address) == .unknown)
        }

        @Test func checksThatAreAskedForLaterReachTunnelsThatStand() async throws {
            let (bad, good) = (try Callee(isReady: false), try Callee())
            let mesh = try await mesh([bad.address, good.address], nil)
            let caller = try HTTPCaller(mesh)
            #expect(ask(caller, 4) == 4)
            try await mesh.replace(policy: TwoNodes.allowing { $0.health = Self.rules })
            let patience = Double(HealthFeed.heartbeat.components.seconds) + 3
            #expect(eventually(patience) { believed(mesh, bad.address) == .unready })
            // And when they are asked for no more, nothing is known again.
            try await mesh.replace(policy: TwoNodes.allowing { _ in })
            #expect(eventually { believed(mesh, bad.address) == .unknown })
            #expect(mesh.destination.dataPlane.health.isEmpty)
        }

        // MARK: The feed

        @Test func theFeedIsNoFlowAndKeepsNoIdleTunnel() async throws {
            var options = DataPlaneOptions()
            options.idleTimeout = .seconds(1)
            options.keepalive = .milliseconds(100)
            let callee = try Callee()
            let mesh = try await mesh([callee.address], sourceOptions: options)
            #expect(ask(try HTTPCaller(mesh), 1) == 1)
            #expect(eventually { believed(mesh, callee.address) == .ready })
            var flows: [FlowRecord] = []
            for node in [mesh.source, mesh.destination] {
                #expect(
                    await node.dataPlane.connections().allSatisfy { $0.record.endpoint.port == callee.address.port || $0.stage == "idle" })
            }
            func tunnels(_ node: TestNode) -> UInt64 { node.dataPlane.counters().reduce(0) { $0 + $1.tunnels } }
            #expect(eventually { tunnels(mesh.source) == 1 && tunnels(mesh.destination) == 1 })
            // Idle connections for requests go after 4 s, the tunnel one second later.
            #expect(eventually(10) { tunnels(mesh.source) == 0 && tunnels(mesh.destination) == 0 })
            for node in [mesh.source, mesh.destination] { for ring in node.rings { ring.drain { flows.append($0) } } }
            #expect(!flows.isEmpty && flows.allSatisfy { $0.endpoint == callee.address }, "\(flows)")
        }

        @Test func aDrainingNodeIsNotHeldByFeeds() async throws {
            let callee = try Callee()
            let mesh = try await mesh([callee.address], isHTTP: false)
            let caller = try HTTPCaller(mesh)
            #expect(ask(caller, 1) == 1)
            #expect(eventually { believed(mesh, callee.address) == .ready })
            mesh.destination.dataPlane.drain()
            #expect(ask(caller, 3) == 3, "what is under way goes on")
            caller.socket.close()
            #expect(eventually { mesh.destination.dataPlane.counters().allSatisfy { $0.tunnels == 0 } })
        }

        // MARK: Endpoints that come and hang

        @Test func aNewEndpointWaitsForItsFirstSuccess() async throws {
            let (old, new) = (try Callee(), try Callee(isReady: false))
            let mesh = try await mesh([old.address])
            let caller = try HTTPCaller(mesh)
            #expect(ask(caller, 1) == 1)
            #expect(eventually { health(mesh.destination, old.address)?.readiness == .ready })
            try await mesh.replace(endpoints: [old.address, new.address])
            #expect(ask(caller, 50) == 50)
            #expect(eventually { health(mesh.destination, new.address)?.readiness == .unready })
            #expect(ask(caller, 50) == 50)
            #expect(new.calls == 0)
            new.set(ready: true)
            #expect(eventually { believed(mesh, new.address) == .ready })
            #expect(ask(caller, 50) == 50)
            #expect(new.calls > 0)
        }

        @Test func aDaemonThatStartsPresumesItsEndpointsWell() async throws {
            let callee = try Callee(isReady: false)
            let patient = HealthRules(readiness: Self.check("/ready", unhealthy: 100), liveness: nil)
            let mesh = try await mesh([callee.address], patient)
            #expect(eventually { callee.probes.count > 3 })
            #expect(health(mesh.destination, callee.address)?.readiness == .unknown)
            #expect(ask(try HTTPCaller(mesh), 3) == 3)
        }

        @Test func aProcessThatHangsIsReportedAndNotUsed() async throws {
            let (bad, good) = (try Callee(), try Callee())
            let mesh = try await mesh(
                [bad.address, good.address], HealthRules(readiness: Self.check("/ready"), liveness: Self.check("/live", unhealthy: 2)))
            #expect(eventually { health(mesh.destination, bad.address)?.isHanging == false })
            bad.set(alive: false)
            #expect(eventually { health(mesh.destination, bad.address)?.isHanging == true })
            let known = try #require(health(mesh.destination, bad.address))
            #expect(known.readiness == .unready && known.failure?.hasPrefix("did not answer within") == true)
            #expect(health(mesh.destination, good.address)?.isHanging == false)
            for _ in 0..<4 { #expect(ask(try HTTPCaller(mesh), 3) == 3) }
            #expect(bad.calls == 0)
            bad.set(alive: true)
            #expect(eventually { health(mesh.destination, bad.address)?.readiness == .ready })
            #expect(health(mesh.destination, bad.address)?.failure == nil)
        }

        // MARK: Probes

        @Test func whatIsAskedIsAPlainRequestOnAConnectionOfItsOwn() async throws {
            let callee = try Callee()
            let mesh = try await mesh([callee.address])
            #expect(eventually { callee.probes.count >= 3 })
            let probe = try #require(callee.probes.first)
            #expect(probe.line == "GET /ready HTTP/1.1" && probe.body.isEmpty)
            #expect(probe.field("host") == ["\(callee.address)"] && probe.field("user-agent") == ["myelin-health"])
            #expect(probe.field("connection") == ["close"])
            #expect(Set(callee.probes.map(\.connection)).count == callee.probes.count)
            #expect(eventually { passed(mesh.destination) >= 3 })
            #expect(mesh.source.dataPlane.healthTallies.isEmpty, "each node asks its own endpoints only")
        }

        @Test func eachWayToFailIsNamed() async throws {
            let closed = try TestListener().address
            let mute = try TestListener()
            let foreign = try HTTPCallee { _ in .rawThenClose("SSH-2.0-OpenSSH\r\n") }
            let curt = try HTTPCallee { _ in .closed }
            let full = try HTTPCallee { _ in .raw("HTTP/1.1 500 No\r\ncontent-length: 1000000\r\n\r\n") }
            let mesh = try await mesh([closed, mute.address, foreign.address, curt.address, full.address])
            func failure(_ address: SocketAddress) -> String? {
                _ = eventually { health(mesh.destination, address)?.readiness == .unready }
                return health(mesh.destination, address)?.failure
            }
            #expect(failure(closed) == "refused the connection")
            #expect(failure(mute.address) == "did not answer within 0.1 seconds")
            #expect(failure(foreign.address) == "answered something that is not HTTP/1.1")
            #expect(failure(curt.address) == "closed the connection without an answer")
            #expect(failure(full.address) == "answered 500")
        }

        @Test func aConnectionIsEnoughForTCP() async throws {
            let listener = try TestListener()
            let closed = try TestListener().address
            let tcp = HealthCheck(probe: .tcp, interval: Self.interval, timeout: Self.interval, unhealthy: 1, healthy: 1)
            let mesh = try await mesh([listener.address, closed], HealthRules(readiness: tcp, liveness: nil), isHTTP: false)
            #expect(eventually { health(mesh.destination, listener.address)?.readiness == .ready })
            #expect(eventually { health(mesh.destination, closed)?.readiness == .unready })
        }

        @Test func checksMayGoToAnotherPort() async throws {
            let (callee, checks) = (try Callee(), try Callee(isReady: false))
            let check = HealthCheck(
                probe: .http(path: "/ready", statuses: 503...503), port: checks.address.port, interval: Self.interval,
                timeout: Self.interval, unhealthy: 1, healthy: 1)
            let mesh = try await mesh([callee.address], HealthRules(readiness: check, liveness: nil))
            #expect(eventually { health(mesh.destination, callee.address)?.readiness == .ready })
            #expect(callee.probes.isEmpty && !checks.probes.isEmpty)
        }

        @Test func hundredsOfChecksKeepTheirIntervals() async throws {
            let callee = try Callee()
            // All addresses of loopback are one server to the kernel.
            let listener = try TestListener(ip: .v4Any, backlog: 4096)
            TestThread.start { while let socket = try? listener.accept() { socket.close() } }
            let many = (0..<500).map { SocketAddress(ip: IPAddress("127.0.\($0 / 250).\($0 % 250 + 1)")!, port: listener.address.port) }
            let tcp = HealthCheck(probe: .tcp, interval: .seconds(1), timeout: .milliseconds(500), unhealthy: 1, healthy: 1)
            let mesh = try await mesh(many + [callee.address], HealthRules(readiness: tcp, liveness: nil), isHTTP: false)
            #expect(eventually(10) { mesh.destination.dataPlane.health.count { $0.readiness == .ready } == 501 })
            let before = passed(mesh.destination)
            usleep(2_000_000)
            let rate = (passed(mesh.destination) - before) / 2
            #expect((400...510).contains(rate), "\(rate) of 501 per second")
        }
    }
}
