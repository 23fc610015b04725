import Glibc
import MeshSystem
import MeshTypes
import Testing

extension DataPlaneTests {
    /// How connections end, seen by both programs: through the mesh it must be as without it.
    @Suite struct EndingMatrixTests {
        /// What each end does; the result tells what each end saw.
        struct Scenario: Sendable, CustomStringConvertible {
            let description: String
            let run: @Sendable (_ client: TestSocket, _ server: TestSocket) -> [String]
        }

        private static let large = [UInt8](repeating: 7, count: 3 << 20)

        private static func sawReading(_ socket: TestSocket) -> String {
            let (bytes, ending) = socket.readAll()
            return "read \(bytes.count) then \(ending)"
        }

        /// Writes until it fails, for at most two seconds.
        private static func sawWriting(_ socket: TestSocket) -> String {
            for _ in 0..<200 {
                let code = socket.write([1])
                if code != 0 { return "write failed" }
                usleep(10_000)
            }
            return "writes succeed"
        }

        /// Lets what was sent arrive.
        private static func settle() { usleep(150_000) }

        static let scenarios: [Scenario] = [
            Scenario(description: "client half-closes, server answers") { client, server in
                _ = client.write([1, 2, 3])
                client.finish()
                let server1 = sawReading(server)
                _ = server.write([4, 5])
                server.close()
                return [server1, sawReading(client)]
            },
            Scenario(description: "server half-closes first, client goes on") { client, server in
                _ = server.write([1, 2])
                server.finish()
                let client1 = sawReading(client)
                _ = client.write([UInt8](repeating: 1, count: 100_000))
                client.close()
                return [client1, sawReading(server)]
            },
            Scenario(description: "both half-close at once with data in flight") { client, server in
                _ = client.write([UInt8](repeating: 1, count: 50_000))
                _ = server.write([UInt8](repeating: 2, count: 60_000))
                client.finish()
                server.finish()
                return [sawReading(client), sawReading(server)]
            },
            Scenario(description: "client closes at once") { client, server in
                client.close()
                return [sawReading(server), sawWriting(server)]
            },
            Scenario(description: "server closes at once") { client, server in
                server.close()
                return [sawReading(client), sawWriting(client)]
            },
            Scenario(description: "client resets after data") { client, server in
                _ = client.write([1, 2, 3])
                settle()
                client.abort()
                settle()
                return [sawReading(server), sawWriting(server)]
            },
            Scenario(description: "server resets after data") { client, server in
                _ = server.write([1, 2, 3])
                settle()
                server.abort()
                settle()
                return [sawReading(client), sawWriting(client)]
            },
            Scenario(description: "server resets at once") { client, server in
                server.abort()
                settle()
                return [sawReading(client), sawWriting(client)]
            },
            Scenario(description: "client resets at once") { client, server in
                client.abort()
                settle()
                return [sawReading(server), sawWriting(server)]
            },
            Scenario(description: "server closes with unread data") { client, server in
                _ = client.write([1, 2, 3])
                settle()
                server.close()
                settle()
                return [sawReading(client)]
            },
            Scenario(description: "client closes with unread data") { client, server in
                _ = server.write([1, 2, 3])
                settle()
                client.close()
                settle()
                return [sawReading(server)]
            },
            Scenario(description: "client half-closes, server resets") { client, server in
                client.finish()
                let first = sawReading(server)
                server.abort()
                settle()
                return [first, sawReading(client)]
            },
            Scenario(description: "server half-closes, client resets") { client, server in
                server.finish()
                let first = sawReading(client)
                client.abort()
                settle()
                return [first, sawWriting(server)]
            },
            Scenario(description: "client resets while the server writes") { client, server in
                let writer = Task.detached { server.write([UInt8](repeating: 7, count: 64 << 20)) }
                _ = client.read(exactly: 100_000)
                client.abort()
                settle()
                return [sawWriting(server), writer.isCancelled ? "" : "ended"]
            },
            Scenario(description: "large answer, then close") { client, server in
                let writer = Task.detached {
                    _ = server.write(large)
                    server.close()
                }
                let seen = sawReading(client)
                _ = writer
                return [seen]
            },
        ]

        @Test(arguments: scenarios)
        func endsAsWithoutTheMesh(scenario: Scenario) async throws {
            let plainListener = try TestListener()
            let plainClient = try TestSocket(connectingTo: plainListener.address)
            let expected = scenario.run(plainClient, try plainListener.accept())

            let callee = try TestListener()
            let mesh = try await TwoNodes(endpoints: [callee.address])
            let client = try mesh.dial()
            let actual = scenario.run(client, try callee.accept())
            #expect(actual == expected)
        }
    }
}
