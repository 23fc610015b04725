import Foundation
import MeshControl
import Testing

/// What a daemon finds out before it touches the kernel.
@Suite struct StartTests {
    @Test func aSecondDaemonInOneRunDirectoryIsRefusedWithTheFirstOnesProcess() throws {
        let directory = NSTemporaryDirectory() + "myelin-lock-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: directory) }
        do {
            let first = try DaemonLock(runDirectory: directory)
            do throws(StartFailure) {
                _ = try DaemonLock(runDirectory: directory)
                Issue.record("the second one got the lock")
            } catch {
                #expect(error.code == "already_running")
                #expect(error.what.contains("process \(getpid())"))
            }
            _ = consume first
        }
        _ = try DaemonLock(runDirectory: directory)
    }

    @Test func aLockThatCannotBeWrittenIsAnError() {
        do throws(StartFailure) {
            _ = try DaemonLock(runDirectory: "/nowhere")
            Issue.record("it locked nothing")
        } catch { #expect(error.code == "lock_file" && error.advice.contains("/nowhere")) }
    }
}
