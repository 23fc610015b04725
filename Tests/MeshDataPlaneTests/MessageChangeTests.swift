import Glibc
import MeshDataPlane
import MeshPolicy
import MeshRouting
import MeshTypes
import Testing

extension DataPlaneTests {
    /// Fields and paths that are changed on their way (R4.4), as the callee and the caller see them.
    @Suite struct MessageChangeTests {
        private func rewrite(_ path: Rewrite.Path, host: String? = nil) -> Rewrite {
            var rewrite = Rewrite()
            rewrite.path = path
            rewrite.host = host.map { Array($0.utf8) }
            return rewrite
        }

        private func prefix(_ old: String, _ new: String) -> Rewrite.Path { .prefix(Array(old.utf8), with: Array(new.utf8)) }

        @Test(arguments: [false, true])
        func fieldsAreSetAddedAndRemoved(_ isLocal: Bool) async throws {
            let callee = try HTTPCallee { _ in .ok("yes", "server: s\r\nx-b: 1\r\nx-b: 2\r\n") }
            let policy = TwoNodes.allowing {
                $0.changes.request = HeaderChanges(set: [("x-a", "new")], add: [("x-d", "added")], remove: ["x-c"])
                $0.changes.response = HeaderChanges(set: [("x-b", "3")], remove: ["server"])
            }
            let mesh = try await TwoNodes(endpoints: [callee.address], policy: policy, speaks: .http, isLocal: isLocal)
            let caller = try HTTPCaller(mesh)
            for _ in 0..<2 {
                let answer = try #require(caller.ask("GET /", "X-A: old\r\nx-a: older\r\nx-d: own\r\nX-C: gone\r\nx-e: kept\r\n"))
                #expect(answer.body == "yes" && answer.field("server") == nil && answer.field("x-b") == "3")
                #expect(!answer.head.contains("x-b: 1"))
            }
            let request = try #require(callee.requests.last)
            #expect(request.field("x-a") == ["new"] && request.field("x-d") == ["own", "added"])
            #expect(request.field("x-c") == [] && request.field("x-e") == ["kept"])
        }

        /// The callee's node reads what the caller's node has added to.
        @Test func aHeadAtItsBoundsPassesTheGateWithAllThatIsAdded() async throws {
            let callee = try HTTPCallee { _ in .ok("yes") }
            let value = String(repeating: "v", count: HeaderChanges.longestValue)
            let added = (0..<HeaderChanges.maximumFields).map { (name: "x-added-\($0)", value: value) }
            let policy = TwoNodes.allowing(denied: ["other"]) { $0.changes.request = HeaderChanges(add: added) }
            let mesh = try await TwoNodes(endpoints: [callee.address], policy: policy, speaks: .http)
            let caller = try HTTPCaller(mesh)
            let own = String(repeating: "a:\(String(repeating: "b", count: 500))\r\n", count: 127)
            let answer = caller.ask("GET /internal/v1/callee/one", own)
            #expect(answer?.status == 200)
            #expect(callee.requests.last?.field("a").count == 127)
            #expect(callee.requests.last?.lines.filter { $0.hasPrefix("x-added-") }.count == added.count)
        }

        @Test func anInterimAnswerIsNotChanged() async throws {
            let callee = try HTTPCallee { _ in
                .raw("HTTP/1.1 103 Hints\r\nx-b: 1\r\n\r\nHTTP/1.1 200 OK\r\nx-b: 1\r\ncontent-length: 0\r\n\r\n")
            }
            let policy = TwoNodes.allowing { $0.changes.response = HeaderChanges(remove: ["x-b"]) }
            let mesh = try await TwoNodes(endpoints: [callee.address], policy: policy, speaks: .http, isLocal: true)
            let caller = try HTTPCaller(mesh)
            #expect(caller.ask("GET /")?.field("x-b") == "1")
            let answer = caller.answer()
            #expect(answer?.status == 200 && answer?.field("x-b") == nil)
        }

        @Test func aPathAndAHostAreRewrittenAndTheAccessLineTellsWhatWasAskedFor() async throws {
            let callee = try HTTPCallee { _ in .ok("yes") }
            let policy = TwoNodes.allowing {
                var route = ServicePolicy.Route()
                route.match.path = .prefix(Array("/old/".utf8))
                route.changes.rewrite = rewrite(prefix("/old/", "/new/"), host: "other:81")
                $0.routes = [route]
            }
            let mesh = try await TwoNodes(endpoints: [callee.address], policy: policy, speaks: .http, isLocal: true)
            let caller = try HTTPCaller(mesh)
            #expect(caller.ask("GET /old/a?b=c")?.status == 200)
            #expect(caller.ask("GET /other")?.status == 200)
            #expect(callee.requests.map(\.line) == ["GET /new/a?b=c HTTP/1.1", "GET /other HTTP/1.1"])
            #expect(callee.requests.map { $0.field("host") } == [["other:81"], ["callee"]])
            #expect(mesh.source.nextFlow()?.request.path == "/old/a")
        }

        /// Neither a rewritten path that is denied, nor a denied one that is rewritten, reaches the service (R6.2).
        @Test func aRewriteIsNoWayAroundARule() async throws {
            let callee = try HTTPCallee { _ in .ok("yes") }
            let policy = TwoNodes.allowing(denied: ["payout/claim"]) {
                var (inwards, outwards) = (ServicePolicy.Route(), ServicePolicy.Route())
                inwards.match.path = .prefix(Array("/p/".utf8))
                inwards.changes.rewrite = rewrite(prefix("/p/", "/internal/v1/callee/payout/"))
                outwards.match.path = .prefix(Array("/internal/v1/callee/payout/".utf8))
                outwards.changes.rewrite = rewrite(prefix("/internal/v1/callee/payout/", "/free/"))
                $0.routes = [inwards, outwards]
            }
            let mesh = try await TwoNodes(endpoints: [callee.address], policy: policy, speaks: .http, isLocal: true)
            for path in ["/p/claim", "/internal/v1/callee/payout/claim", "/p/x/../claim"] {
                let answer = try #require(try HTTPCaller(mesh).ask("POST \(path)", body: "x"))
                #expect(answer.status == 403 && answer.field("x-myelin-reason") == "denied", "\(path)")
            }
            #expect(callee.requests.isEmpty)
            #expect(try HTTPCaller(mesh).ask("POST /p/list", body: "x")?.status == 200)
            #expect(callee.requests.map(\.line) == ["POST /internal/v1/callee/payout/list HTTP/1.1"])
        }
    }
}
