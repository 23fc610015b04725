import Glibc
import MeshPolicy
import MeshTypes
import Testing

/// Services whose record names no protocol: the first bytes of each connection tell.
extension DataPlaneTests {
    @Suite struct ClassifyTests {
        @Test(arguments: [false, true]) func requestsAreTreatedOneByOne(_ isLocal: Bool) async throws {
            let callee = try HTTPCallee { _ in .ok("here") }
            let mesh = try await TwoNodes(endpoints: [callee.address], speaks: .auto, isLocal: isLocal)
            let caller = try HTTPCaller(mesh)
            #expect(caller.ask("GET /one")?.body == "here")
            #expect(caller.ask("GET /two")?.body == "here")
            #expect(callee.requests.map { $0.field("x-request-id").count } == [1, 1])
        }

        @Test func requestsThatComeByteByByteAreStillRequests() async throws {
            let callee = try HTTPCallee { _ in .ok("here") }
            let mesh = try await TwoNodes(endpoints: [callee.address], speaks: .auto, isLocal: true)
            let caller = try HTTPCaller(mesh)
            for byte in "GET /slow HTTP/1.1\r\nhost: callee\r\n\r\n".utf8 {
                _ = caller.socket.write([byte])
                usleep(1000)
            }
            #expect(caller.answer()?.body == "here")
            #expect(callee.requests.first?.field("x-request-id").count == 1)
        }

        @Test(arguments: [false, true]) func otherProtocolsPassAsBytes(_ isLocal: Bool) async throws {
            let listener = try TestListener()
            let mesh = try await TwoNodes(endpoints: [listener.address], speaks: .auto, isLocal: isLocal)
            let caller = try mesh.dial()
            _ = caller.write(Array("SET key value\r\n".utf8))
            let callee = try listener.accept()
            #expect(callee.read(exactly: 15) == Array("SET key value\r\n".utf8))
            _ = callee.write(Array("+OK\r\n".utf8))
            #expect(caller.read(exactly: 5) == Array("+OK\r\n".utf8))
        }

        @Test(arguments: [false, true]) func theServerMaySpeakFirst(_ isLocal: Bool) async throws {
            let listener = try TestListener()
            let mesh = try await TwoNodes(endpoints: [listener.address], speaks: .auto, isLocal: isLocal)
            let caller = try mesh.dial()
            let callee = try listener.accept()
            _ = callee.write(Array("220 ready\r\n".utf8))
            #expect(caller.read(exactly: 11) == Array("220 ready\r\n".utf8))
            _ = caller.write(Array("QUIT\r\n".utf8))
            #expect(callee.read(exactly: 6) == Array("QUIT\r\n".utf8))
        }

        @Test func aCallerThatSaysNothingAndLeavesIsNoRequest() async throws {
            let listener = try TestListener()
            let mesh = try await TwoNodes(endpoints: [listener.address], speaks: .auto, isLocal: true)
            let caller = try mesh.dial()
            caller.finish()
            let callee = try listener.accept()
            #expect(callee.read() == .end)
        }

        @Test func bytesAreRefusedWhereOnlySomeRequestsArePermitted() async throws {
            let callee = try HTTPCallee { _ in .ok("here") }
            let mesh = try await TwoNodes(
                endpoints: [callee.address], policy: TwoNodes.allowing(denied: ["payout/claim"]) { _ in }, speaks: .auto, isLocal: true)
            #expect(try HTTPCaller(mesh).ask("GET /permitted")?.status == 200)
            #expect(try HTTPCaller(mesh).ask("GET /internal/v1/callee/payout/claim")?.status == 403)
            let caller = try mesh.dial()
            _ = caller.write(Array("SET key value\r\n".utf8))
            #expect(caller.read() == .failed(ECONNRESET))
            #expect(mesh.source.nextFlow { $0.reason == .denied && !$0.request.isPresent } != nil)
        }
    }
}
