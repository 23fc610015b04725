import Foundation
import Logging
import MeshAdmin
import Testing

@Suite struct StatusServerTests {
    private let path = NSTemporaryDirectory() + "myelin-\(UUID().uuidString.prefix(8)).sock"
    private let log = Logger(label: "test")

    private func serving(_ body: (StatusClient) async throws -> Void) async throws {
        let server = try StatusServer(path: path, source: FixedSource(), log: log)
        let running = Task { try await server.run() }
        for _ in 0..<200 where !FileManager.default.fileExists(atPath: path) { try await Task.sleep(for: .milliseconds(10)) }
        try await body(StatusClient(socket: path))
        running.cancel()
        _ = await running.result
        #expect(!FileManager.default.fileExists(atPath: path))
    }

    @Test func everyViewTravelsUnchanged() async throws {
        try await serving { client in
            let status = try await client.status()
            #expect(status.pid == 1 && status.adoptedGenerations == [3, 3] && status.problems.first?.remedy == "do this")
            #expect(try await client.workloads().first?.cgroupInode == 42)
            #expect(try await client.services().first?.virtualAddresses == ["240.64.0.1"])
            #expect(try await client.endpoints().isEmpty)
            #expect(try await client.certificates().first?.serial == "AB")
            #expect(try await client.policies().first?.mtls == "required")
            #expect(try await client.connections().isEmpty)
            #expect(try await client.checks() == [CheckView("clock", .warning, "is off", remedy: "set it")])
            #expect(try await client.configuration().text == "node: {}\n")
            #expect(try await client.explain(source: "default/wallet", destination: "usage").source == "default/wallet")
            #expect(try await client.flows(deniedOnly: false, limit: 2) == [FixedSource.entry, FixedSource.entry])
        }
    }

    @Test func aFollowerGetsEveryFlow() async throws {
        try await serving { client in
            var count = 0
            try await client.followFlows(deniedOnly: false) { _ in count += 1 }
            #expect(count == 5)
        }
    }

    @Test func whatIsUnknownIsRefusedWithARemedy() async throws {
        try await serving { client in
            let failure = await #expect(throws: StatusClientFailure.self) { try await client.explain(source: "unknown", destination: "x") }
            #expect(failure?.description.contains("myelinctl services") == true)
            #expect(failure?.kind == .refused)
        }
    }

    @Test func onlyOwnerAndGroupMayOpenTheSocket() async throws {
        try await serving { client in
            _ = try await client.status()
            let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
            #expect(mode == 0o660)
        }
    }

    @Test func aSecondServerIsRefusedAndAStaleSocketReplaced() async throws {
        try await serving { client in
            let path = path
            let log = log
            #expect(throws: AdminFailure.self) { try StatusServer(path: path, source: FixedSource(), log: log) }
            _ = try await client.status()
        }
        #expect(FileManager.default.createFile(atPath: path, contents: nil))
        _ = try StatusServer(path: path, source: FixedSource(), log: log)
        #expect(!FileManager.default.fileExists(atPath: path))
    }

    @Test func aMissingDaemonIsSaid() async {
        let failure = await #expect(throws: StatusClientFailure.self) { try await StatusClient(socket: "/nowhere.sock").status() }
        #expect(failure?.kind == .unreachable)
        #expect(failure?.description.contains("no daemon answers on /nowhere.sock") == true)
    }
}
