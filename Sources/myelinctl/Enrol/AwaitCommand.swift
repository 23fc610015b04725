internal import ArgumentParser
internal import Foundation
internal import MeshAdmin
internal import MeshSystem

/// Run by the drop-in of an enrolled unit before the unit's own program: that program never runs uncaptured.
struct AwaitCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "await", abstract: "Waits until the processes of a cgroup are captured.")

    /// Between two questions.
    private static let interval = Duration.milliseconds(50)

    @Argument(help: "The cgroup, as /system.slice/wallet.service.") var cgroup: String
    @Option(help: ArgumentHelp("How long to wait at most.", valueName: "seconds")) var timeout: UInt32 = 30
    @OptionGroup var options: ControlOptions

    func run() async throws {
        guard let mount = ControlGroup.mountPoint() else {
            options.complain("cgroup v2 is not mounted: nothing can be captured on this machine")
            throw ExitCode.found
        }
        let deadline = ContinuousClock.now + .seconds(Int64(timeout))
        var reason = "the daemon does not know it"
        repeat {
            do throws(StatusClientFailure) {
                let workload = try await StatusClient(socket: options.socket).workloads().first { $0.cgroup == cgroup }
                // A unit that was started anew has a new cgroup under the old name.
                let inode = try? ControlGroup.id(ofDirectory: mount + cgroup)
                if let workload, workload.state == .captured, workload.cgroupInode == inode { return }
                reason = workload.map { $0.reason ?? "it is not captured yet" } ?? "the registry has no record of it for this node"
            } catch { reason = "\(error)" }
            try await Task.sleep(for: Self.interval)
        } while ContinuousClock.now < deadline
        options.complain("\(cgroup) is not captured after \(timeout) s: \(reason); see `myelinctl status` and `myelinctl workloads`")
        throw ExitCode.found
    }
}
