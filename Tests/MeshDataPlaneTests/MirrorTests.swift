import Glibc
import MeshDataPlane
import MeshPolicy
import MeshRouting
import MeshTypes
import Testing

extension DataPlaneTests {
    /// Copies of requests (R4.4) over HTTP/1.1: what arrives at the mirror, and that callers notice nothing of it.
    @Suite struct MirrorTests {
        private func mesh(
            _ callee: SocketAddress, _ trials: [SocketAddress], isLocal: Bool = true, policy: PolicySet? = nil,
            destination: PolicySet? = nil,
            _ change: (inout Mirror) -> Void = { _ in }
        ) async throws -> TwoNodes {
            try await TwoNodes(
                endpoints: [callee], policy: policy ?? MirroredNodes.policy { $0.mirror = MirroredNodes.mirror(change) }, speaks: .http,
                isLocal: isLocal, destinationPolicy: destination, trials: trials)
        }

        /// - Returns: all that came, when there is nothing more to come.
        private func requests(_ count: Int, at callee: HTTPCallee) -> [HTTPCallee.Request] {
            for _ in 0..<2000 where callee.requests.count < count { usleep(1000) }
            return callee.requests
        }

        // MARK: What arrives

        @Test(arguments: [false, true]) func theMirrorGetsWhatTheCalleeGets(_ isLocal: Bool) async throws {
            let (callee, trial) = (try HTTPCallee { _ in .ok("primary") }, try HTTPCallee { _ in .ok("copy") })
            let mesh = try await mesh(callee.address, [trial.address], isLocal: isLocal) { $0.timeout = .milliseconds(700) }
            let caller = try HTTPCaller(mesh)
            let trace = "0af7651916cd43dd8448eb211c80319c"
            let fields = "x-a: 1\r\nX-Myelin-Shadow: 1\r\ntraceparent: 00-\(trace)-b7ad6b7169203331-01\r\nexpect: 100-continue\r\n"
            let answer = try #require(caller.ask("POST /p?q=1", fields, body: "body"))
            #expect(answer.body == "primary")
            let original = try #require(callee.requests.first)
            #expect(original.field("x-myelin-shadow") == [], "a caller cannot pass for the mesh")
            let copy = try #require(requests(1, at: trial).first)
            #expect(copy.line == "POST /p?q=1 HTTP/1.1" && copy.body == Array("body".utf8))
            #expect(copy.field("x-myelin-shadow") == ["1"] && copy.field("x-a") == ["1"] && copy.field("host") == ["callee"])
            #expect(copy.field("x-request-id") == original.field("x-request-id") && copy.field("x-request-id").count == 1)
            #expect(copy.field("x-myelin-deadline") == ["700"] && copy.field("expect") == [])
            let parts = try #require(copy.field("traceparent").first).split(separator: "-")
            #expect(parts[1] == trace && parts[2] != "b7ad6b7169203331" && parts[3] == "01", "the trace goes on in another span")
            let record = try #require(mesh.mirrored(1).first)
            #expect(record.destination == MirroredNodes.trialID && record.request.mirror == .sent && record.request.status == 200)
            #expect(record.request.attempts == 1 && record.path == (isLocal ? .local : .tunnel) && record.sent > 4)
        }

        @Test func aShareOfTheRequestsIsCopied() async throws {
            let (callee, trial) = (try HTTPCallee { _ in .ok("yes") }, try HTTPCallee { _ in .ok("no") })
            let mesh = try await mesh(callee.address, [trial.address]) { ($0.share, $0.concurrency) = (2000, Mirror.maximumConcurrency) }
            let caller = try HTTPCaller(mesh)
            for _ in 0..<1000 { #expect(caller.ask("GET /")?.body == "yes") }
            // By lot: four standard deviations are 51.
            let copies = mesh.mirrored(1000, seconds: 0.3).count
            #expect(abs(copies - 200) <= 51, "\(copies) of 1000")
            #expect(callee.requests.count == 1000 && trial.requests.count == copies && trial.connectionCount < copies)
        }

        @Test func aVersionOfTheServiceIsAMirrorToo() async throws {
            let (old, new) = (try HTTPCallee { _ in .ok("v1") }, try HTTPCallee { _ in .ok("v2") })
            let policy = MirroredNodes.policy {
                $0.split = [VersionShare(version: "v1", weight: 1)]
                $0.mirror = MirroredNodes.mirror(version: "v2")
            }
            let mesh = try await TwoNodes(
                endpoints: [old.address, new.address], policy: policy, speaks: .http, isLocal: true, versions: ["v1", "v2"])
            let caller = try HTTPCaller(mesh)
            for _ in 0..<16 { #expect(caller.ask("GET /")?.body == "v1") }
            #expect(mesh.mirrored(16).mirrorResults == [.sent: 16])
            #expect(new.requests.allSatisfy { $0.field("x-myelin-shadow") == ["1"] } && new.requests.count == 16)
            #expect(old.requests.allSatisfy { $0.field("x-myelin-shadow") == [] } && old.requests.count == 16)
        }

        @Test func bodiesAreCopiedUpToWhatIsKept() async throws {
            let (callee, trial) = (try HTTPCallee { _ in .ok("yes") }, try HTTPCallee { _ in .ok("no") })
            let mesh = try await mesh(callee.address, [trial.address])
            let caller = try HTTPCaller(mesh)
            let body = String(repeating: "b", count: 64 << 10)
            #expect(caller.ask("POST /whole", body: body)?.status == 200)
            caller.send("POST /chunks HTTP/1.1\r\nhost: callee\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n")
            usleep(50_000)
            caller.send("2\r\nde\r\n0\r\n\r\n")
            #expect(caller.answer()?.status == 200)
            #expect(mesh.mirrored(2).mirrorResults == [.sent: 2])
            #expect(trial.requests.first { $0.line.contains("whole") }?.body == Array(body.utf8))
            #expect(trial.requests.first { $0.line.contains("chunks") }?.body == Array("3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n".utf8))
            #expect(caller.ask("POST /large", body: body + "b")?.status == 200)
            #expect(mesh.mirrored(1).mirrorResults == [.bodyTooLarge: 1])
            #expect(callee.requests.last?.body.count == body.utf8.count + 1 && trial.requests.count == 2)
        }

        @Test func whatIsAnsweredBeforeItIsWholeIsNotCopied() async throws {
            let listener = try TestListener()
            let trial = try HTTPCallee { _ in .ok("no") }
            let mesh = try await mesh(listener.address, [trial.address])
            let caller = try HTTPCaller(mesh)
            caller.send("POST / HTTP/1.1\r\nhost: callee\r\ncontent-length: 10\r\n\r\nabc")
            let callee = try listener.accept()
            _ = callee.read()
            _ = callee.write(Array("HTTP/1.1 413 No\r\ncontent-length: 0\r\n\r\n".utf8))
            #expect(caller.answer()?.status == 413)
            #expect(mesh.mirrored(1).mirrorResults == [.incomplete: 1])
            #expect(trial.requests.isEmpty)
        }

        // MARK: Answers that nobody gets

        @Test(arguments: [false, true]) func aShortAnswerKeepsTheConnectionAndALongOneEndsIt(_ isLocal: Bool) async throws {
            let callee = try HTTPCallee { _ in .ok("yes") }
            let long = String(repeating: "n", count: 2 << 20)
            let trial = try HTTPCallee { $0.line.contains("long") ? .ok(long) : .ok("no") }
            let mesh = try await mesh(callee.address, [trial.address], isLocal: isLocal)
            let caller = try HTTPCaller(mesh)
            for _ in 0..<3 {
                #expect(caller.ask("GET /short")?.body == "yes")
                #expect(mesh.mirrored(1).mirrorResults == [.sent: 1])
            }
            #expect(trial.connectionCount == 1)
            #expect(caller.ask("GET /long")?.body == "yes")
            let record = try #require(mesh.mirrored(1).first)
            #expect(record.request.mirror == .sent && record.request.status == 200 && record.received < 1 << 20)
            #expect(caller.ask("GET /short")?.body == "yes")
            #expect(mesh.mirrored(1).mirrorResults == [.sent: 1] && trial.connectionCount == 2)
        }

        // MARK: Failure touches nobody

        @Test func aSlowMirrorDelaysNobodyAndGetsNoMoreThanItsConcurrency() async throws {
            let (callee, trial) = (try HTTPCallee { _ in .ok("yes") }, try HTTPCallee { _ in .silence })
            let mesh = try await mesh(callee.address, [trial.address]) {
                $0.concurrency = 3
                $0.timeout = .milliseconds(600)
            }
            let caller = try HTTPCaller(mesh)
            let start = ContinuousClock.now
            for _ in 0..<20 { #expect(caller.ask("GET /")?.body == "yes") }
            #expect(ContinuousClock.now - start < .milliseconds(500))
            #expect(mesh.mirrored(20).mirrorResults == [.overLimit: 17, .timeout: 3])
            #expect(trial.requests.count == 3)
            // Their places are free again.
            #expect(caller.ask("GET /")?.body == "yes")
            #expect(requests(4, at: trial).count == 4)
        }

        @Test(arguments: [false, true]) func aDeadMirrorFailsNobody(_ isLocal: Bool) async throws {
            let callee = try HTTPCallee { _ in .ok("yes") }
            let dead = try TestListener().address
            let closing = try HTTPCallee { _ in .closed }
            let mesh = try await mesh(callee.address, [dead, closing.address], isLocal: isLocal)
            let caller = try HTTPCaller(mesh)
            for _ in 0..<50 { #expect(caller.ask("GET /")?.body == "yes") }
            let records = mesh.mirrored(50)
            #expect(records.mirrorResults == [.failed: 50] && records.allSatisfy { $0.request.attempts == 1 && $0.request.status == 0 })
            // What copies met with is not held against the mirror: others call it for themselves.
            let load = try #require(mesh.source.dataPlane.load(of: MirroredNodes.trialID))
            #expect(load.service == .closed && load.endpoints.allSatisfy { $0.state == .closed && $0.outstanding == 0 })
        }

        @Test func aBadVersionDoesNotOpenTheServicesBreaker() async throws {
            let (old, new) = (try HTTPCallee { _ in .ok("v1") }, try HTTPCallee { _ in .status(500) })
            let policy = MirroredNodes.policy(callee: { $0.circuitBreaker = .high }) {
                $0.split = [VersionShare(version: "v1", weight: 1)]
                $0.mirror = MirroredNodes.mirror(version: "v2")
            }
            let mesh = try await TwoNodes(
                endpoints: [old.address, new.address], policy: policy, speaks: .http, isLocal: true, versions: ["v1", "v2"])
            let caller = try HTTPCaller(mesh)
            for _ in 0..<100 { #expect(caller.ask("GET /")?.body == "v1") }
            let records = mesh.mirrored(100)
            #expect(records.mirrorResults[.sent, default: 0] + records.mirrorResults[.overLimit, default: 0] == 100)
            #expect(records.contains { $0.request.status == 500 })
            let load = try #require(mesh.source.dataPlane.load(of: ServiceID(rawValue: 2)))
            #expect(load.service == .closed && load.endpoints.allSatisfy { $0.state == .closed })
        }

        @Test func copiesAreNotCountedTowardsLimits() async throws {
            let (callee, trial) = (try HTTPCallee { _ in .ok("yes") }, try HTTPCallee { _ in .silence })
            let policy = MirroredNodes.policy(
                callee: {
                    $0.rateLimit = ServicePolicy.RateLimit(requests: 10, period: .seconds(3600))
                    $0.concurrency = 1
                },
                trial: { $0.rateLimit = ServicePolicy.RateLimit(requests: 1, period: .seconds(3600)) }
            ) { $0.mirror = MirroredNodes.mirror() }
            let mesh = try await mesh(callee.address, [trial.address], policy: policy)
            let caller = try HTTPCaller(mesh)
            #expect((0..<11).map { _ in caller.ask("GET /")?.status } == Array(repeating: 200, count: 10) + [429])
            #expect(requests(10, at: trial).count == 10, "what is refused is not copied")
        }

        // MARK: Policy

        @Test func onlyWhomTheCallerMayCallGetsCopies() async throws {
            let (callee, trial) = (try HTTPCallee { _ in .ok("yes") }, try HTTPCallee { _ in .ok("no") })
            let policy = MirroredNodes.policy(allowsTrial: false) { $0.mirror = MirroredNodes.mirror() }
            let mesh = try await mesh(callee.address, [trial.address], policy: policy)
            let caller = try HTTPCaller(mesh)
            for _ in 0..<5 { #expect(caller.ask("GET /")?.body == "yes") }
            let records = mesh.mirrored(5)
            #expect(records.mirrorResults == [.denied: 5] && records.allSatisfy { $0.reason == .notAllowed })
            #expect(trial.requests.isEmpty && trial.connectionCount == 0)
        }

        @Test(arguments: ["callee", "trial"]) func aDeniedOperationIsNotCopied(_ name: String) async throws {
            let (callee, trial) = (try HTTPCallee { _ in .ok("yes") }, try HTTPCallee { _ in .ok("no") })
            let policy = MirroredNodes.policy(denied: ["payout"]) { $0.mirror = MirroredNodes.mirror() }
            let mesh = try await mesh(callee.address, [trial.address], policy: policy)
            let caller = try HTTPCaller(mesh)
            #expect(caller.ask("GET /internal/v1/\(name)/payout/claim")?.body == "yes")
            #expect(try #require(mesh.mirrored(1).first).reason == .denied)
            #expect(caller.ask("GET /internal/v1/\(name)/balance")?.body == "yes")
            #expect(mesh.mirrored(1).mirrorResults == [.sent: 1] && trial.requests.count == 1)
        }

        @Test func theMirrorsNodeJudgesForItself() async throws {
            let (callee, trial) = (try HTTPCallee { _ in .ok("yes") }, try HTTPCallee { _ in .ok("no") })
            let strict = MirroredNodes.policy(denied: ["payout"]) { _ in }
            let mesh = try await mesh(callee.address, [trial.address], isLocal: false, destination: strict)
            let caller = try HTTPCaller(mesh)
            #expect(caller.ask("GET /internal/v1/trial/payout")?.body == "yes")
            #expect(mesh.mirrored(1).mirrorResults == [.failed: 1])
            #expect(try #require(mesh.destination.nextFlow { $0.ending == .refused }).reason == .denied)
            #expect(trial.requests.isEmpty)
        }

        // MARK: What is not copied

        @Test func aCopyIsNotCopiedAgain() async throws {
            let (callee, trial) = (try HTTPCallee { _ in .ok("yes") }, try HTTPCallee { _ in .ok("no") })
            let policy = MirroredNodes.policy(trial: {
                var (route, back) = (ServicePolicy.Route(), Mirror())
                back.service = TwoNodes.callee.name
                route.mirror = back
                route.fault = InjectedFault()
                route.fault?.abort = 500
                $0.routes = [route]
            }) { $0.mirror = MirroredNodes.mirror() }
            let mesh = try await mesh(callee.address, [trial.address], policy: policy)
            let caller = try HTTPCaller(mesh)
            for _ in 0..<10 { #expect(caller.ask("GET /")?.body == "yes") }
            #expect(mesh.mirrored(11, seconds: 0.3).mirrorResults == [.sent: 10], "nor do the mirror's own routes hold for it")
            #expect(callee.requests.count == 10 && trial.requests.count == 10)
        }

        @Test func whatIsAbortedOrChangesItsProtocolIsNotCopied() async throws {
            let callee = try HTTPCallee { request in
                request.field("upgrade") == []
                    ? .ok("yes") : .raw("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n")
            }
            let trial = try HTTPCallee { _ in .ok("no") }
            let policy = MirroredNodes.policy {
                $0.mirror = MirroredNodes.mirror()
                $0.fault = InjectedFault()
                $0.fault?.abort = 503
                $0.fault?.share = 5000
            }
            let mesh = try await mesh(callee.address, [trial.address], policy: policy)
            let caller = try HTTPCaller(mesh)
            var answered = 0
            for _ in 0..<50 where caller.ask("GET /")?.status == 200 { answered += 1 }
            #expect(mesh.mirrored(50, seconds: 0.3).count == answered && (1...49).contains(answered))
            var switched = false
            while !switched { switched = try HTTPCaller(mesh).ask("GET /", "connection: upgrade\r\nupgrade: websocket\r\n")?.status == 101 }
            #expect(mesh.mirrored(1, seconds: 0.3).isEmpty)
        }

        @Test func aMirrorThatNobodyKnowsIsSaidToBeOne() async throws {
            let callee = try HTTPCallee { _ in .ok("yes") }
            let mesh = try await mesh(callee.address, [])
            #expect(try HTTPCaller(mesh).ask("GET /")?.body == "yes")
            let record = try #require(mesh.mirrored(1).first)
            #expect(record.request.mirror == .failed && record.reason == .noEndpoint && record.destination == .none)
        }
    }
}
