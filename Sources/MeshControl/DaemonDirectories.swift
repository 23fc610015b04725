internal import Glibc
internal import MeshSystem

/// Makes the daemon's directories, parents included.
enum DaemonDirectories {
    static let privateMode: mode_t = 0o700
    static let runMode: mode_t = 0o755

    static func make(_ path: String, mode: mode_t) throws(StartFailure) {
        var made = ""
        for component in path.split(separator: "/") {
            made += "/" + component
            let isLast = made.utf8.count >= path.utf8.count
            // The daemon's umask lets nobody but it into what it makes; the mode is asked for again.
            if mkdir(made, isLast ? mode : 0o755) == 0, chmod(made, isLast ? mode : 0o755) == 0 { continue }
            guard errno == EEXIST else {
                throw StartFailure(
                    code: "directory", what: "cannot make \(made): \(String(cString: strerror(errno)))",
                    advice: "check the path in the configuration, its permissions and free space")
            }
        }
    }

    /// Writes and removes a file: a full or read-only disk is found before traffic depends on it.
    static func checkWritable(_ path: String) throws(StartFailure) {
        let probe = path + "/.myelind-write-test"
        defer { unlink(probe) }
        let bytes = [UInt8](repeating: 0, count: 4096)
        do throws(SystemError) {
            let file = try FileDescriptor.open(probe, flags: O_WRONLY | O_CREAT | O_TRUNC, mode: 0o600)
            let raw = file.raw
            let written = try checked("write", on: probe) { write(raw, bytes, bytes.count) }
            try checked("fsync", on: probe) { fsync(raw) }
            guard written == bytes.count else { throw SystemError("write", code: ENOSPC, subject: probe) }
        } catch {
            throw StartFailure(
                code: "disk", what: "cannot write to \(path): \(error)",
                advice: "free space or inodes there: the daemon keeps its certificate authority and addresses in it")
        }
    }
}
