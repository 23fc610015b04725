internal import Foundation
internal import MeshSystem

/// A cgroup directory with all below it.
struct ControlGroupTree {
    let path: String

    init(_ path: String) { self.path = path }

    private static let patience = Duration.seconds(10)

    /// The directory and all below it, children before parents.
    private var directories: [String] {
        var found: [String] = [path]
        var next = 0
        while next < found.count {
            let directory = found[next]
            next += 1
            for entry in (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? [] {
                var isDirectory: ObjCBool = false
                let child = directory + "/" + entry
                if FileManager.default.fileExists(atPath: child, isDirectory: &isDirectory), isDirectory.boolValue { found.append(child) }
            }
        }
        return found.reversed()
    }

    private var processes: [Int32] { directories.flatMap { (try? ControlGroup.processes(inDirectory: $0)) ?? [] } }

    /// Kills every process in it and waits until they are gone. Forks cannot outrun `cgroup.kill`; without that file (before Linux
    /// 5.14) the processes are killed until none is left.
    func killAll() throws(LabError) {
        let deadline = ContinuousClock.now + Self.patience
        while true {
            let pids = processes
            if pids.isEmpty { return }
            if !writeKill() { for pid in pids where pid > 1 { kill(pid, SIGKILL) } }
            guard ContinuousClock.now < deadline else { throw LabError("processes in \(path) do not end", "\(pids)") }
            usleep(5_000)
        }
    }

    private func writeKill() -> Bool {
        let descriptor = open(path + "/cgroup.kill", O_WRONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        return write(descriptor, "1", 1) == 1
    }

    /// Removes the empty tree.
    func remove() throws(LabError) {
        let deadline = ContinuousClock.now + Self.patience
        for directory in directories {
            while rmdir(directory) != 0, errno != ENOENT {
                guard errno == EBUSY, ContinuousClock.now < deadline else {
                    throw LabError("cannot remove \(directory)", String(cString: strerror(errno)))
                }
                usleep(5_000)
            }
        }
    }
}
