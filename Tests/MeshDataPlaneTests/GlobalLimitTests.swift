import Foundation
import Glibc
import MeshDataPlane
import MeshLimits
import MeshPolicy
import MeshResilience
import MeshTypes
import Synchronization
import Testing

extension DataPlaneTests {
    /// Rates that several nodes share (R5.4): real data planes, a real Redis, and what becomes of requests when it dies or hangs.
    @Suite struct GlobalLimitTests {
        /// A node with a service on it, and its share of the limits.
        private final class Member: Sendable {
            let mesh: TwoNodes
            let rates: GlobalRates
            let lessor: RedisLessor
            private let callee: HTTPCallee

            init(
                _ redis: RedisServer, _ limit: ServicePolicy.RateLimit, fallback: GlobalRates.Fallback = .local,
                _ change: (inout ServicePolicy) -> Void = { _ in }
            ) async throws {
                callee = try HTTPCallee { _ in .ok("yes") }
                rates = GlobalRates(fallback: fallback)
                lessor = RedisLessor(
                    RedisOptions(host: "127.0.0.1", port: Int(redis.address.port), trustDomain: TwoNodes.trustDomain), desk: rates
                ) { _ in }
                let policy = TwoNodes.allowing {
                    $0.rateLimit = limit
                    change(&$0)
                }
                mesh = try await TwoNodes(endpoints: [callee.address], policy: policy, speaks: .http, isLocal: true, globalRates: rates)
                lessor.start()
                try becomesAvailable()
            }

            deinit { lessor.stop() }

            struct NotSo: Error {}

            func becomesAvailable() throws { try becomes { $0 == .available } }
            func becomesAway() throws { try becomes { if case .away = $0 { true } else { false } } }

            private func becomes(_ isIt: (LessorStatus) -> Bool) throws {
                for _ in 0..<8000 {
                    if isIt(lessor.status) { return }
                    usleep(1000)
                }
                throw NotSo()
            }
        }

        /// So many an hour, all of them at once: hardly any comes back during a test.
        private func hourly(_ requests: Int, scope: ServicePolicy.RateLimit.Scope = .service) -> ServicePolicy.RateLimit {
            ServicePolicy.RateLimit(requests: requests, period: .seconds(3600), scope: scope, reach: .global)
        }

        /// What came of requests, by reason (`none` for those that were admitted), and the longest that one took.
        private struct Outcome: Sendable {
            var counts: [String: Int] = [:]
            var longest = Duration.zero
            var admitted: Int { counts["none"] ?? 0 }
        }

        /// - Parameters:
        ///   - connections: on each of which so many requests follow each other.
        ///   - pause: microseconds between two of them.
        private func load(_ member: Member, connections: Int, requests: Int, pause: UInt32 = 0) async throws -> Outcome {
            let sockets = try (0..<connections).map { _ in try member.mesh.dial() }
            let tally = Tally()
            for socket in sockets {
                TestThread.start {
                    let caller = HTTPCaller(socket)
                    for _ in 0..<requests {
                        let start = ContinuousClock.now
                        let answer = caller.ask("GET /")
                        tally.add(answer.map { $0.field("x-myelin-reason") ?? "none" } ?? "lost", ContinuousClock.now - start)
                        if pause > 0 { usleep(pause) }
                    }
                    tally.finish()
                }
            }
            return try await tally.outcome(of: connections)
        }

        private final class Tally: Sendable {
            private let state = Mutex((outcome: Outcome(), finished: 0))

            func add(_ reason: String, _ took: Duration) {
                state.withLock {
                    $0.outcome.counts[reason, default: 0] += 1
                    $0.outcome.longest = max($0.outcome.longest, took)
                }
            }

            func finish() { state.withLock { $0.finished += 1 } }

            func outcome(of count: Int) async throws -> Outcome {
                while state.withLock({ $0.finished }) < count { try await Task.sleep(for: .milliseconds(1)) }
                return state.withLock { $0.outcome }
            }
        }

        @Test func twoNodesAdmitTogetherWhatTheLimitSays() async throws {
            let redis = try RedisServer()
            let members = [try await Member(redis, hourly(640)), try await Member(redis, hourly(640))]
            // Callers hold their sockets only: the nodes must outlive them.
            defer { withExtendedLifetime((redis, members)) {} }
            async let first = load(members[0], connections: 8, requests: 100)
            async let second = load(members[1], connections: 8, requests: 100)
            let outcomes = [try await first, try await second]
            // Not one more; and while both ask on, nothing of what one holds stays unspent.
            #expect(outcomes[0].admitted + outcomes[1].admitted == 640)
            for outcome in outcomes {
                #expect(outcome.admitted > 0)
                #expect(outcome.counts == ["none": outcome.admitted, "rate_limited": 800 - outcome.admitted])
            }
            let trips = members.reduce(0) { $0 + $1.lessor.roundTrips }
            #expect(trips < 320, "\(trips) round trips for 1600 requests")
            for member in members { #expect(member.rates.counts.failed == 0 && member.rates.counts.admittedAlone == 0) }
        }

        @Test func whatOneNodeHoldsIsWithinTheBound() async throws {
            let redis = try RedisServer()
            let members = [try await Member(redis, hourly(640)), try await Member(redis, hourly(640))]
            // Callers hold their sockets only: the nodes must outlive them.
            defer { withExtendedLifetime((redis, members)) {} }
            // The first node stops asking in the midst of it; what it holds is lost to the other.
            let first = try await load(members[0], connections: 4, requests: 50).admitted
            let second = try await load(members[1], connections: 4, requests: 150).admitted
            #expect(first == 200)
            let lost = 640 - first - second
            #expect((0...LeaseShape(requests: 640, per: 1, burst: 640).ahead).contains(lost), "\(lost) were lost")
            let answer = try #require(try HTTPCaller(members[1].mesh).ask("GET /"))
            #expect(answer.status == 429 && answer.field("ratelimit-policy") == "\"default\";q=640;w=3600")
            #expect((1...6).contains(answer.field("retry-after").flatMap { Int($0) } ?? 0))
        }

        @Test func aSustainedRateIsKeptWithFewQuestions() async throws {
            let redis = try RedisServer()
            let limit = ServicePolicy.RateLimit(requests: 500, period: .seconds(1), burst: 100, reach: .global)
            let members = [try await Member(redis, limit), try await Member(redis, limit)]
            // Callers hold their sockets only: the nodes must outlive them.
            defer { withExtendedLifetime((redis, members)) {} }
            let start = ContinuousClock.now
            async let first = load(members[0], connections: 4, requests: 400, pause: 4000)
            async let second = load(members[1], connections: 4, requests: 400, pause: 4000)
            let outcomes = [try await first, try await second]
            let seconds = (ContinuousClock.now - start) / .seconds(1)
            let admitted = outcomes.reduce(0) { $0 + $1.admitted }
            let trips = members.reduce(0) { $0 + $1.lessor.roundTrips }
            #expect(Double(admitted) <= 100 + 500 * seconds + 1)
            #expect(Double(admitted) >= min(3200, 0.8 * (100 + 500 * seconds)), "\(admitted) in \(seconds) s")
            #expect(trips < 3200 / 4, "\(trips) round trips for 3200 requests")
        }

        @Test func aLimitThatIsNotReachedCostsHardlyAnyQuestions() async throws {
            let redis = try RedisServer()
            let members = [try await Member(redis, hourly(1_000_000)), try await Member(redis, hourly(1_000_000))]
            // Callers hold their sockets only: the nodes must outlive them.
            defer { withExtendedLifetime((redis, members)) {} }
            async let first = load(members[0], connections: 4, requests: 1000)
            async let second = load(members[1], connections: 4, requests: 1000)
            let admitted = (try await first).admitted + (try await second).admitted
            #expect(admitted == 8000)
            let trips = members.reduce(0) { $0 + $1.lessor.roundTrips }
            #expect(trips < 400, "\(trips) round trips for 8000 requests")
        }

        @Test func routesAndCallersAreCountedApart() async throws {
            let redis = try RedisServer()
            let limit = hourly(5, scope: .caller)
            func member() async throws -> Member {
                try await Member(redis, limit) {
                    var route = ServicePolicy.Route()
                    route.match.path = .exact(Array("/own".utf8))
                    route.rateLimit = hourly(2)
                    $0.routes = [route]
                }
            }
            let members = [try await member(), try await member()]
            // Callers hold their sockets only: the nodes must outlive them.
            defer { withExtendedLifetime((redis, members)) {} }
            let callers = try members.map { try HTTPCaller($0.mesh) }
            #expect((0..<3).map { callers[$0 % 2].ask("GET /own")?.status } == [200, 200, 429])
            #expect((0..<6).map { callers[$0 % 2].ask("GET /")?.status } == [200, 200, 200, 200, 200, 429])
            for key in ["default/callee:route=0", "default/callee:caller=default/caller"] {
                #expect(try redis.ask("EXISTS myelin:test.mesh:rl:\(key)").hasPrefix(":1"))
            }
        }

        @Test func whileRedisIsDeadEachNodeEnforcesTheWholeLimit() async throws {
            let redis = try RedisServer()
            let member = try await Member(redis, hourly(50))
            #expect(try await load(member, connections: 2, requests: 10).admitted == 20)
            redis.stop()
            try member.becomesAway()
            // What this node admitted before counts.
            let alone = try await load(member, connections: 4, requests: 20)
            #expect(alone.counts == ["none": 30, "rate_limited": 50])
            #expect(alone.longest < .milliseconds(200))
            #expect(member.rates.counts.admittedAlone >= 29 && member.rates.counts.refusedAlone == 50)
            try redis.start()
            try member.becomesAvailable()
            // It has forgotten what was counted in it: that is stated.
            #expect(try await load(member, connections: 2, requests: 40).admitted == 50)
        }

        @Test func whileRedisIsDeadRequestsAreRefusedIfTheNodeSaysSo() async throws {
            let redis = try RedisServer()
            let member = try await Member(redis, hourly(50), fallback: .refuse)
            let caller = try HTTPCaller(member.mesh)
            #expect(caller.ask("GET /")?.status == 200)
            redis.stop()
            try member.becomesAway()
            usleep(UInt32(LeasedRate<Int>.lapse / 1000))
            let answer = try #require(caller.ask("GET /"))
            #expect(answer.status == 503 && answer.field("x-myelin-reason") == "limit_unavailable" && answer.field("retry-after") == "1")
            try redis.start()
            try member.becomesAvailable()
            #expect(caller.ask("GET /")?.status == 200)
        }

        @Test func aRedisThatHangsHoldsNobodyUp() async throws {
            let redis = try RedisServer()
            let member = try await Member(redis, hourly(10_000))
            #expect(try await load(member, connections: 2, requests: 10).admitted == 20)
            redis.pause()
            let hung = try await load(member, connections: 8, requests: 50)
            #expect(hung.admitted == 400)
            // 100 ms, and what the machine adds.
            #expect(hung.longest < .milliseconds(500), "one took \(hung.longest)")
            #expect(member.rates.counts.admittedAlone > 0)
            try member.becomesAway()
            #expect(try await load(member, connections: 4, requests: 20).longest < .milliseconds(90))
            redis.resume()
            try member.becomesAvailable()
            #expect(try await load(member, connections: 2, requests: 10).admitted == 20)
        }

        @Test func streamsWaitForTheirLeasesAsConnectionsDo() async throws {
            let redis = try RedisServer()
            let callee = try HTTP2Callee { .answer(200, body: $0.body) }
            let rates = GlobalRates(fallback: .refuse)
            let lessor = RedisLessor(
                RedisOptions(host: "127.0.0.1", port: Int(redis.address.port), trustDomain: TwoNodes.trustDomain), desk: rates
            ) { _ in }
            defer { lessor.stop() }
            lessor.start()
            let policy = TwoNodes.allowing { $0.rateLimit = hourly(30) }
            let mesh = try await TwoNodes(endpoints: [callee.address], policy: policy, speaks: .http2, globalRates: rates)
            for _ in 0..<5000 where lessor.status != .available { usleep(1000) }
            let caller = HTTP2End(try mesh.dial(), .client)
            let tokens = (0..<50).compactMap { caller.request("PUT /\($0)", body: Array("\($0)".utf8)) }
            let answers = tokens.map { caller.answer($0) }
            #expect(tokens.count == 50)
            #expect(answers.count { $0?.head.hasPrefix("HTTP/1.1 200") == true } == 30)
            #expect(answers.count { $0?.head.hasPrefix("HTTP/1.1 429") == true && $0?.field("x-myelin-reason") == ["rate_limited"] } == 20)
            for (number, answer) in answers.enumerated() where answer?.head.hasPrefix("HTTP/1.1 200") == true {
                #expect(answer?.body == Array("\(number)".utf8))
            }
            #expect(lessor.roundTrips < 20)
        }

        @Test func withoutAPlaceToCountTheNodeCountsByItself() async throws {
            let callee = try HTTPCallee { _ in .ok("yes") }
            let policy = TwoNodes.allowing { $0.rateLimit = hourly(2) }
            let mesh = try await TwoNodes(endpoints: [callee.address], policy: policy, speaks: .http, isLocal: true)
            let caller = try HTTPCaller(mesh)
            #expect((0..<3).map { _ in caller.ask("GET /")?.status } == [200, 200, 429])
        }

        @Test func aCallerThatLeavesWhileItWaitsHurtsNobody() async throws {
            let redis = try RedisServer()
            let member = try await Member(redis, hourly(1000))
            redis.pause()
            for _ in 0..<20 {
                let caller = try HTTPCaller(member.mesh)
                caller.send("GET / HTTP/1.1\r\nhost: callee\r\n\r\n")
                usleep(2000)
                caller.socket.abort()
            }
            redis.resume()
            try member.becomesAvailable()
            #expect(try await load(member, connections: 2, requests: 10).admitted == 20)
        }
    }
}
