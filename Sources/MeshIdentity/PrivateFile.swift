internal import Glibc
internal import MeshSystem
internal import MeshTypes

/// Small files of the authority, of which some are secret.
enum PrivateFile {
    /// Larger files are not ours.
    static let maximumBytes = 64 << 10

    /// The bytes of a file; nil if it does not exist.
    /// - Parameter secret: refuse a file that others could read.
    static func read(_ path: String, secret: Bool, limit: Int = maximumBytes) throws(AuthorityFailure) -> [UInt8]? {
        var status = stat()
        guard lstat(path, &status) == 0 else {
            if errno == ENOENT { return nil }
            throw failure("cannot look at \(path)", code: errno)
        }
        if secret { try check(path, status, kind: S_IFREG) }
        guard status.st_mode & S_IFMT == S_IFREG, status.st_size <= limit else {
            throw AuthorityFailure(
                .damaged, "\(path) is not a file of at most \(limit) bytes", advice: "restore it from a backup")
        }
        return try contents(path, size: Int(status.st_size))
    }

    /// The root key is only as safe as the narrowest of its directory and file.
    /// - Parameter kind: `S_IFDIR` or `S_IFREG`; links are not followed.
    static func check(_ path: String, kind: mode_t) throws(AuthorityFailure) {
        var status = stat()
        guard lstat(path, &status) == 0 else { throw failure("cannot look at \(path)", code: errno) }
        try check(path, status, kind: kind)
    }

    private static func check(_ path: String, _ status: stat, kind: mode_t) throws(AuthorityFailure) {
        let wanted = kind == S_IFDIR ? "directory" : "file"
        guard status.st_mode & S_IFMT == kind else {
            throw AuthorityFailure(
                .permissions, "\(path) is not a \(wanted)", advice: "links are not followed here: name the place itself")
        }
        guard status.st_uid == geteuid() else {
            throw AuthorityFailure(
                .permissions, "\(path) belongs to user \(status.st_uid), not to \(geteuid())", advice: "chown it to the daemon's user")
        }
        guard status.st_mode & 0o077 == 0 else {
            let mode = String(status.st_mode & 0o7777, radix: 8)
            throw AuthorityFailure(
                .permissions, "others may use \(path) (mode \(mode)), where a key is kept",
                advice: "chmod \(kind == S_IFDIR ? "700" : "600") \(path), and replace the authority if somebody may have read it")
        }
    }

    /// A system call's error with what to do about it.
    static func failure(_ what: String, code: Int32) -> AuthorityFailure {
        let advice =
            switch code {
            case ENOSPC, EDQUOT: "the disk is full: free some space; nothing was changed"
            case EROFS: "the file system is read-only: remount it or set `ca.directory` to another one"
            case EACCES, EPERM: "give the daemon's user access to it"
            default: "check `ca.directory`"
            }
        return AuthorityFailure(.storage, "\(what): \(String(cString: strerror(code)))", advice: advice)
    }

    /// nil if somebody has removed it since.
    private static func contents(_ path: String, size: Int) throws(AuthorityFailure) -> [UInt8]? {
        do throws(SystemError) {
            let source = try FileDescriptor.open(path, flags: O_RDONLY | O_NOFOLLOW)
            let descriptor = source.raw
            var bytes = [UInt8](repeating: 0, count: size)
            var filled = 0
            while filled < size {
                let from = filled
                let count = try checked("read", on: path) {
                    bytes.withUnsafeMutableBytes { Glibc.read(descriptor, $0.baseAddress! + from, size - from) }
                }
                if count == 0 { break }
                filled += count
            }
            return Array(bytes.prefix(filled))
        } catch {
            if error.code == ENOENT { return nil }
            throw failure("cannot read \(path)", code: error.code)
        }
    }
}
