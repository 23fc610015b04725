import Foundation
import MeshLab
import Testing

/// The demonstration leaves nothing behind, however it ends.
@Suite(.serialized) struct DemoEndingTests {
    private static let name = "gone"
    private static let program = URL(fileURLWithPath: Binaries.load).deletingLastPathComponent().path + "/myelin-lab"

    /// Starts the demonstration and lets it come to where daemons and services run.
    private func start() throws -> Process {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: Self.program)
        process.arguments = ["demo", Self.name]
        process.environment = ProcessInfo.processInfo.environment.merging(["MYELIN_OBJECTS": Binaries.beside().objects]) { $1 }
        (process.standardOutput, process.standardError) = (FileHandle.nullDevice, FileHandle.nullDevice)
        try process.run()
        let deadline = Date().addingTimeInterval(30)
        while Date() < deadline, (try? Lab.open(Self.name)).map({ lab in lab.nodes.contains { lab.daemonProcesses($0).isEmpty } }) ?? true {
            usleep(50_000)
        }
        usleep(1_000_000)
        #expect(!remains().isEmpty, "it is under way")
        return process
    }

    /// What bears the laboratory's name.
    private func remains() -> [String] {
        func entries(_ directory: String) -> [String] {
            ((try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []).map { directory + "/" + $0 }
        }
        let roots = ["/run/netns", "/etc/netns", "/run/myelin-lab", "/sys/fs/bpf/myelin-lab"]
        let groups = ["/sys/fs/cgroup/myelin-lab", "/sys/fs/cgroup/unified/myelin-lab"]
        return (roots + groups).flatMap(entries).filter { $0.hasSuffix("/" + Self.name) || $0.contains("/myl-\(Self.name)-") }
    }

    @Test(arguments: [SIGINT, SIGTERM, SIGHUP])
    func nothingRemainsAfterASignal(_ signal: Int32) throws {
        let process = try start()
        kill(process.processIdentifier, signal)
        process.waitUntilExit()
        #expect(process.terminationStatus == 128 + signal)
        #expect(remains() == [])
    }

    @Test func nothingRemainsAfterACrash() throws {
        let process = try start()
        let children = try String(
            contentsOfFile: "/proc/\(process.processIdentifier)/task/\(process.processIdentifier)/children", encoding: .utf8)
        let guarded = try #require(children.split(separator: " ").first.flatMap { Int32($0) })
        kill(guarded, SIGKILL)
        process.waitUntilExit()
        #expect(process.terminationStatus == 128 + SIGKILL)
        #expect(remains() == [])
    }
}
