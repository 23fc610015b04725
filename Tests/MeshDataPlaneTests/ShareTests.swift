import Glibc
import MeshDataPlane
import MeshTypes
import Testing

extension DataPlaneTests {
    /// Connections of a workload and of a calling service at their shares, and connections that say nothing.
    @Suite struct ShareTests {
        private func options(_ change: (inout DataPlaneOptions) -> Void = { _ in }) -> DataPlaneOptions {
            var options = DataPlaneOptions()
            options.workers = 2
            change(&options)
            return options
        }

        private func usage(_ mesh: TwoNodes) -> ConnectionShares.Usage? {
            mesh.source.dataPlane.connections(of: WorkloadID(rawValue: 1))
        }

        private func eventually(_ condition: () -> Bool) -> Bool {
            for _ in 0..<1000 {
                if condition() { return true }
                usleep(10_000)
            }
            return false
        }

        @Test func aWorkloadAtItsShareIsRefusedUntilItClosesSome() async throws {
            let callee = try TestListener()
            // 80 in all: 10 of the workload's own, and 53 of the common 60.
            let mesh = try await TwoNodes(
                endpoints: [callee.address], sourceOptions: options { $0.maximumFlows = 40 }, speaks: .http)
            var clients = try (0..<90).map { _ in try mesh.dial() }
            #expect(eventually { (usage(mesh)?.refused ?? 0) == 27 })
            #expect(usage(mesh) == ConnectionShares.Usage(connections: 63, share: 63, refused: 27))
            #expect(mesh.source.nextFlow { $0.reason == .shareExhausted && $0.workload == WorkloadID(rawValue: 1) } != nil)
            withExtendedLifetime(clients) {}
            clients.removeAll()
            #expect(eventually { usage(mesh)?.connections == 0 })
            let again = try mesh.dial()
            #expect(eventually { usage(mesh)?.connections == 1 })
            withExtendedLifetime(again) {}
        }

        /// Whatever way a connection ends, nothing of the share is lost.
        @Test(arguments: [ApplicationProtocol.tcp, .http, .auto]) func everyEndingGivesBack(speaks: ApplicationProtocol) async throws {
            let callee = try TestListener()
            let mesh = try await TwoNodes(
                endpoints: [callee.address], sourceOptions: options { $0.connectTimeout = .milliseconds(300) }, speaks: speaks,
                isLocal: speaks == .auto)
            TestThread.start {
                var count = 0
                while let server = try? callee.accept() {
                    count += 1
                    if count % 2 == 0 { server.abort() }
                }
            }
            let preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)
            let words: [[UInt8]] = [[], Array("GET / HTTP/1.1\r\nHost: a\r\n\r\n".utf8), [0, 1, 2, 255], preface, Array("GET / HTT".utf8)]
            for round in 0..<60 {
                let client = try mesh.dial()
                _ = client.write(words[round % words.count])
                if round % 3 == 0 { usleep(20_000) }
                if round % 2 == 0 { client.abort() } else { client.close() }
            }
            #expect(eventually { usage(mesh)?.connections == 0 }, "\(String(describing: usage(mesh)))")
        }

        @Test func aCallingServiceHasItsShareOfTheCalleesNode() async throws {
            let callee = try TestListener()
            // Of 80 each of two services has 8 in any case, and of the common 60 one may have 53.
            let mesh = try await TwoNodes(
                endpoints: [callee.address],
                sourceOptions: options { $0.maximumAttempts = 1 }, destinationOptions: options { $0.maximumFlows = 40 })
            let clients = try (0..<90).map { _ in try mesh.dial() }
            #expect(eventually { mesh.destination.dataPlane.callersRefused == 29 }, "\(mesh.destination.dataPlane.callersRefused)")
            #expect(mesh.source.nextFlow { $0.reason == .shareExhausted } != nil, "the caller's node says why")
            withExtendedLifetime(clients) {}
        }

        @Test func aConnectionWithoutARequestIsClosedInOrder() async throws {
            let callee = try TestListener()
            let mesh = try await TwoNodes(
                endpoints: [callee.address],
                sourceOptions: options {
                    $0.maximumFlows = 40
                    $0.silence = .seconds(60)
                    $0.silenceBeyondGuarantee = .milliseconds(500)
                }, speaks: .http)
            let clients = try (0..<30).map { _ in try mesh.dial() }
            #expect(eventually { mesh.source.dataPlane.counters().reduce(0) { $0 + $1.silentClosed } == 20 })
            let ended = clients.count { client in
                var byte: UInt8 = 0
                return recv(client.raw, &byte, 1, Int32(MSG_DONTWAIT)) == 0
            }
            #expect(ended == 20, "those beyond the guaranteed part, and without a reset")
            #expect(eventually { usage(mesh)?.connections == 10 })
            withExtendedLifetime(clients) {}
        }

        /// Two ends that keep silent are nobody's concern: a pool of a database does that for hours.
        @Test func connectionsOfBytesMayKeepSilent() async throws {
            let callee = try TestListener()
            let mesh = try await TwoNodes(
                endpoints: [callee.address],
                sourceOptions: options {
                    $0.silence = .milliseconds(200)
                    $0.silenceBeyondGuarantee = .milliseconds(200)
                })
            let client = try mesh.dial()
            let server = try callee.accept()
            try await Task.sleep(for: .seconds(1))
            #expect(server.write([7]) == 0 && client.read(exactly: 1) == [7])
            #expect(mesh.source.dataPlane.counters().allSatisfy { $0.silentClosed == 0 })
        }
    }
}
