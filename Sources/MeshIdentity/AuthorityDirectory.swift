internal import Glibc
internal import MeshSystem
internal import MeshTypes

/// The files of the embedded authority: read and written whole, private, and complete or not there at all.
struct AuthorityDirectory: ~Copyable {
    /// Another daemon creates its key in milliseconds.
    private static let lockAttempts = 200
    private static let firstLockPause: UInt32 = 500  // µs
    private static let lockPause: UInt32 = 50_000  // µs

    let path: String
    /// An exclusive lock on the directory, held while this value lives.
    private let lock: FileDescriptor

    /// Makes the directory if it is missing, checks it and locks it against other daemons.
    init(_ path: String) throws(AuthorityFailure) {
        self.path = path
        try Self.create(path)
        try PrivateFile.check(path, kind: S_IFDIR)
        lock = try Self.lock(path)
    }

    /// The bytes of a file; nil if it does not exist. See `PrivateFile.read`.
    borrowing func read(_ name: String, secret: Bool) throws(AuthorityFailure) -> [UInt8]? {
        try PrivateFile.read("\(path)/\(name)", secret: secret)
    }

    /// Writes a file so that it is complete on the disk, or unchanged if this throws.
    borrowing func write(_ name: String, _ bytes: [UInt8], mode: UInt32) throws(AuthorityFailure) {
        let file = "\(path)/\(name)"
        let temporary = "\(file).new"
        // A crash may have left one; the lock says that nobody is writing it.
        unlink(temporary)
        do throws(SystemError) {
            let target = try FileDescriptor.open(temporary, flags: O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode: mode)
            try Self.store(bytes, into: target, path: temporary)
            try checked("rename", on: file) { rename(temporary, file) }
            let directory = try FileDescriptor.open(path, flags: O_RDONLY | O_DIRECTORY)
            try checked("fsync", on: path) { fsync(directory.raw) }
        } catch {
            unlink(temporary)
            throw PrivateFile.failure("cannot write \(file)", code: error.code)
        }
    }

    /// A private directory in this one.
    borrowing func makeFolder(_ name: String) throws(AuthorityFailure) {
        let folder = "\(path)/\(name)"
        if mkdir(folder, 0o700) != 0, errno != EEXIST { throw PrivateFile.failure("cannot make the directory \(folder)", code: errno) }
    }

    /// Removes a file; one that is not there is no error.
    borrowing func remove(_ name: String) throws(AuthorityFailure) {
        guard unlink("\(path)/\(name)") == 0 || errno == ENOENT else {
            throw PrivateFile.failure("cannot remove \(path)/\(name)", code: errno)
        }
    }

    /// Adds to the end of a file, which is made if it is missing; on the disk when this returns.
    /// - Returns: the file's size afterwards.
    borrowing func append(_ name: String, _ bytes: [UInt8], mode: UInt32) throws(AuthorityFailure) -> Int {
        let file = "\(path)/\(name)"
        do throws(SystemError) {
            let target = try FileDescriptor.open(file, flags: O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW, mode: mode)
            try Self.store(bytes, into: target, path: file)
            return Int(lseek(target.raw, 0, SEEK_END))
        } catch {
            throw PrivateFile.failure("cannot write \(file)", code: error.code)
        }
    }

    private static func store(_ bytes: [UInt8], into target: borrowing FileDescriptor, path: String) throws(SystemError) {
        var offset = 0
        let descriptor = target.raw
        while offset < bytes.count {
            let from = offset
            offset += try checked("write", on: path) {
                bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress! + from, $0.count - from) }
            }
        }
        try checked("fsync", on: path) { fsync(descriptor) }
    }

    /// Like `mkdir -p`, with mode 0700 for the last part.
    private static func create(_ path: String) throws(AuthorityFailure) {
        guard path.hasPrefix("/") else {
            throw AuthorityFailure(.storage, "\"\(path)\" is not an absolute path", advice: "set `ca.directory` to one")
        }
        let parts = path.split(separator: "/")
        for index in parts.indices {
            let part = "/" + parts[...index].joined(separator: "/")
            let mode: mode_t = index == parts.index(before: parts.endIndex) ? 0o700 : 0o755
            if mkdir(part, mode) != 0, errno != EEXIST { throw PrivateFile.failure("cannot make the directory \(part)", code: errno) }
        }
    }

    private static func lock(_ path: String) throws(AuthorityFailure) -> FileDescriptor {
        let file: FileDescriptor
        do throws(SystemError) {
            file = try FileDescriptor.open("\(path)/lock", flags: O_RDWR | O_CREAT | O_NOFOLLOW, mode: 0o600)
        } catch {
            throw PrivateFile.failure("cannot open \(path)/lock", code: error.code)
        }
        for attempt in 0..<lockAttempts {
            if flock(file.raw, LOCK_EX | LOCK_NB) == 0 { return file }
            usleep(min(firstLockPause << min(UInt32(attempt), 16), lockPause))
        }
        throw AuthorityFailure(
            .storage, "another process holds \(path)/lock", advice: "find it with `fuser \(path)/lock` and end it if it hangs")
    }
}
