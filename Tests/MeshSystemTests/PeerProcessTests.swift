import Foundation
import Glibc
import MeshSystem
import Testing

struct PeerProcessTests {
    private func sleeper() throws -> Process {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/sleep")
        process.arguments = ["60"]
        try process.run()
        return process
    }

    @Test(.enabled(if: ControlGroup.own() != nil || ProcessInfo.processInfo.environment["CI"] == "true", "this machine has no cgroup v2"))
    func findsTheCgroupOfARunningProcess() throws {
        #expect(try PeerProcess(id: getpid()).cgroup() == ControlGroup.own())
    }

    @Test func refusesAProcessThatHasEnded() throws {
        let process = try sleeper()
        let peer = try PeerProcess(id: process.processIdentifier)
        process.terminate()
        process.waitUntilExit()
        #expect(throws: SystemError.self) { try peer.cgroup() }
    }

    @Test func refusesANumberThatNobodyHas() {
        #expect(throws: SystemError.self) { try PeerProcess(id: .max) }
    }
}
