import MeshDataPlane
import MeshPolicy
import MeshRouting
import MeshTypes
import Testing

extension DataPlaneTests {
    /// Who called, as services read it in a request's fields: the mesh's word, never the caller's.
    @Suite struct IdentityFieldTests {
        private static let forged =
            "X-Forwarded-Client-Cert: URI=spiffe://test.mesh/ns/default/sa/admin\r\nx_forwarded_client_cert: URI=admin\r\n"
            + "Forwarded: for=10.0.0.1;by=admin\r\nX-Forwarded-For: 10.0.0.1\r\nx-real-ip: 10.0.0.1\r\nx-myelin-source: admin\r\n"
            + "L5d-Client-Id: admin\r\nx-envoy-peer-metadata: admin\r\nclient-cert: admin\r\nSSL_Client_Verify: SUCCESS\r\n"
        /// Of a caller that HTTP/2 lets write names in lower case only.
        private static var forgedInLowerCase: String {
            forged.split(separator: "\r\n").map { line in
                let parts = line.split(separator: ":", maxSplits: 1)
                return "\(parts[0].lowercased()):\(parts[1])\r\n"
            }.joined()
        }
        private static let kept = "x-request-id: 1\r\nx-forwarded-proto: https\r\nx-user: me\r\n"
        private static let names = [
            "x-forwarded-client-cert", "x_forwarded_client_cert", "forwarded", "x-forwarded-for", "x-real-ip", "x-myelin-source",
            "l5d-client-id",
            "x-envoy-peer-metadata", "client-cert", "ssl_client_verify",
        ]
        private static let certificate = "By=spiffe://test.mesh/ns/default/sa/callee;URI=spiffe://test.mesh/ns/default/sa/caller"

        private static var asking: PolicySet { TwoNodes.allowing { $0.identity.header = .xfcc } }

        @Test(arguments: [false, true])
        func aCallersOwnWordDoesNotReachTheService(_ isLocal: Bool) async throws {
            let callee = try HTTPCallee { _ in .ok("yes") }
            let mesh = try await TwoNodes(endpoints: [callee.address], speaks: .http, isLocal: isLocal)
            #expect(try HTTPCaller(mesh).ask("GET /", Self.forged + Self.kept)?.status == 200)
            let request = try #require(callee.requests.last)
            for name in Self.names { #expect(request.field(name) == [], "\(name)") }
            #expect(request.field("x-request-id") == ["1"] && request.field("x-forwarded-proto") == ["https"])
            #expect(request.field("x-user") == ["me"])
        }

        @Test(arguments: [false, true])
        func norOnAStreamOfHTTP2(_ isLocal: Bool) async throws {
            let callee = try HTTP2Callee { _ in .answer(200, body: [], trailers: "") }
            let mesh = try await TwoNodes(endpoints: [callee.address], policy: Self.asking, speaks: .http, isLocal: isLocal)
            let caller = HTTP2End(try mesh.dial(), .client)
            let answer = try #require(caller.ask("POST /", Self.forgedInLowerCase + Self.kept, body: [1]))
            #expect(answer.head.hasPrefix("HTTP/1.1 200"))
            let head = try #require(callee.requests.last).head
            #expect(!head.contains("admin") && !head.contains("10.0.0.1") && head.contains("x-user: me"), "\(head)")
            #expect(head.contains("x-forwarded-client-cert: \(Self.certificate)\r\n"), "\(head)")
        }

        @Test(arguments: [false, true])
        func aServiceThatAsksIsToldWhoCalled(_ isLocal: Bool) async throws {
            let callee = try HTTPCallee { _ in .ok("yes") }
            let mesh = try await TwoNodes(endpoints: [callee.address], policy: Self.asking, speaks: .http, isLocal: isLocal)
            let caller = try HTTPCaller(mesh)
            for _ in 0..<3 { #expect(caller.ask("GET /", Self.forged)?.status == 200) }
            for request in callee.requests {
                #expect(request.field("x-forwarded-client-cert") == [Self.certificate] && request.field("x_forwarded_client_cert") == [])
            }
            #expect(callee.requests.count == 3)
        }

        /// The callee's node asks for what the caller's does not know of: it changes nothing, and lets through only what the certificate says.
        @Test func theCalleesNodeRefusesWhatTheCertificateDoesNotSay() async throws {
            let callee = try HTTPCallee { _ in .ok("yes") }
            for value in ["URI=spiffe://test.mesh/ns/default/sa/admin", Self.certificate + "x", ""] {
                let lying = TwoNodes.allowing {
                    $0.changes.request = HeaderChanges(add: [("x-forwarded-client-cert", value)])
                }
                let mesh = try await TwoNodes(
                    endpoints: [callee.address], policy: lying, speaks: .http, destinationPolicy: Self.asking)
                #expect(try HTTPCaller(mesh).ask("GET /")?.status == 403, "\(value)")
                #expect(try #require(mesh.destination.nextFlow { $0.ending == .refused }).reason == .forgedIdentity)
            }
            #expect(callee.requests.isEmpty)
            let silent = try await TwoNodes(endpoints: [callee.address], speaks: .http, destinationPolicy: Self.asking)
            #expect(try HTTPCaller(silent).ask("GET /")?.status == 200, "who says nothing claims nothing")
        }

        @Test func onAStreamOfHTTP2AsWell() async throws {
            let callee = try HTTP2Callee { _ in .answer(200, body: [], trailers: "") }
            let lying = TwoNodes.allowing { $0.changes.request = HeaderChanges(add: [("x_spiffe_id", "admin")]) }
            let mesh = try await TwoNodes(endpoints: [callee.address], policy: lying, speaks: .http, destinationPolicy: Self.asking)
            let answer = HTTP2End(try mesh.dial(), .client).ask("GET /")
            #expect(answer?.head.hasPrefix("HTTP/1.1 403") == true || answer?.reset != nil)
            #expect(try #require(mesh.destination.nextFlow { $0.ending == .refused }).reason == .forgedIdentity)
            #expect(callee.requests.isEmpty)
        }

        @Test(arguments: [false, true])
        func aProxyMaySayForWhomItAsks(_ isNamed: Bool) async throws {
            let callee = try HTTPCallee { _ in .ok("yes") }
            let policy = TwoNodes.allowing { $0.identity.forwarders = [ServiceName(isNamed ? "caller" : "other")!] }
            let mesh = try await TwoNodes(endpoints: [callee.address], policy: policy, speaks: .http)
            #expect(try HTTPCaller(mesh).ask("GET /", Self.forged)?.status == 200)
            let request = try #require(callee.requests.last)
            #expect(request.field("x-forwarded-for") == (isNamed ? ["10.0.0.1"] : []))
            #expect(request.field("forwarded").count == (isNamed ? 1 : 0) && request.field("x-forwarded-client-cert") == [])
        }

        @Test func aServiceThatAsksTakesNoConnectionThatCouldHideARequest() async throws {
            let callee = try HTTPCallee { _ in .ok("yes") }
            let declared = try await TwoNodes(endpoints: [callee.address], policy: Self.asking, speaks: .http)
            #expect(try HTTPCaller(declared).ask("GET /", "connection: upgrade\r\nupgrade: websocket\r\n")?.status == 200)
            #expect(callee.requests.last?.field("upgrade") == [])
            let before = callee.requests.count
            let guessed = try await TwoNodes(endpoints: [callee.address], policy: Self.asking, speaks: .auto)
            let caller = try HTTPCaller(guessed)
            caller.send("hello\r\nX-Forwarded-Client-Cert: URI=admin\r\n\r\n")
            #expect(caller.answer() == nil)
            #expect(callee.requests.count == before)
        }
    }
}
