internal import Glibc
internal import MeshSystem

/// Makes sure that one daemon runs per node: an exclusive lock on `<run>/myelind.lock`, which holds the process id.
///
/// The kernel releases the lock with the process, however it ends.
package struct DaemonLock: ~Copyable, Sendable {
    private let file: FileDescriptor

    package init(runDirectory: String) throws(StartFailure) {
        file = try Self.acquire(runDirectory + "/myelind.lock", runDirectory: runDirectory)
    }

    private static func acquire(_ path: String, runDirectory: String) throws(StartFailure) -> FileDescriptor {
        let file: FileDescriptor
        do throws(SystemError) {
            file = try FileDescriptor.open(path, flags: O_RDWR | O_CREAT, mode: 0o644)
        } catch {
            throw StartFailure(
                code: "lock_file", what: "cannot open the lock file: \(error)",
                advice: "make \(runDirectory) writable for myelind, with free space")
        }
        guard flock(file.raw, LOCK_EX | LOCK_NB) == 0 else {
            let owner = (try? readText(path))?.split(separator: "\n").first.map(String.init) ?? "unknown"
            throw StartFailure(
                code: "already_running",
                what: "another myelind (process \(owner)) already runs on this node with \(runDirectory)",
                advice: "stop it first, or give this one another `run:` directory, node name and pins")
        }
        let text = "\(getpid())\n"
        guard ftruncate(file.raw, 0) == 0, pwrite(file.raw, text, text.utf8.count, 0) == text.utf8.count else {
            throw StartFailure(
                code: "lock_file", what: "cannot write \(path): \(String(cString: strerror(errno)))",
                advice: "free space on that file system")
        }
        return file
    }
}
