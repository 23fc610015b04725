internal import CLinux
internal import Glibc

/// Why a Unix socket cannot be served: what is in the way, in a sentence.
package struct SocketFileFailure: Error, Sendable, CustomStringConvertible {
    package let description: String
    init(_ description: String) { self.description = description }
}

/// The file of a listening Unix socket: nobody's is taken away, and only our own is removed.
///
/// A server binds a private name beside `path`, because SwiftNIO removes what stands at the name that it bound, before and
/// after, whosever it is. The socket gets its public name by link(2), which never replaces anything and finds the mode set.
package struct SocketFile: Sendable {
    /// `sun_path` without its terminator, unix(7), and without what makes the private name.
    package static let longestPath = 107 - ".1234567890".utf8.count

    package let path: String
    package let privatePath: String
    private let mode: mode_t
    /// nil: the daemon's own.
    private let group: UInt32?

    /// - Parameter mode: who may connect; by default owner and group.
    package init(path: String, mode: UInt32 = 0o660, group: UInt32? = nil) {
        self.path = path
        self.mode = mode
        self.group = group
        privatePath = "\(path).\(getpid())"
    }

    /// Which file it is, whatever its path leads to by now.
    package struct Identity: Equatable, Sendable {
        fileprivate let device: dev_t
        fileprivate let inode: ino_t
    }

    /// Removes a socket that nobody listens on.
    /// - Throws: when somebody listens, when the file is no socket, when the path does not fit.
    package func clear() throws(SocketFileFailure) {
        guard path.utf8.count <= Self.longestPath else {
            throw SocketFileFailure("the path of the socket is longer than \(Self.longestPath) bytes: \(path)")
        }
        guard let status = Self.status(path) else { return }
        guard status.st_mode & S_IFMT == S_IFSOCK else { throw SocketFileFailure("\(path) exists and is no socket") }
        if isServed() { throw SocketFileFailure("another process serves \(path)") }
        unlink(path)
    }

    /// Gives the socket that was bound its public name.
    package func publish() throws(SocketFileFailure) -> Identity {
        defer { unlink(privatePath) }
        if let group, chown(privatePath, uid_t.max, group) != 0 {
            throw SocketFileFailure("\(path) cannot be given to the group \(group): \(String(cString: strerror(errno)))")
        }
        guard chmod(privatePath, mode) == 0, let status = Self.status(privatePath), link(privatePath, path) == 0 else {
            let reason = errno == EEXIST ? "another process has just taken it" : String(cString: strerror(errno))
            throw SocketFileFailure("\(path) cannot be served: \(reason)")
        }
        return Identity(device: status.st_dev, inode: status.st_ino)
    }

    /// Removes the socket unless another process has put its own in its place.
    package func remove(_ identity: Identity) {
        guard let status = Self.status(path), Identity(device: status.st_dev, inode: status.st_ino) == identity else { return }
        unlink(path)
    }

    private static func status(_ path: String) -> stat? {
        var status = stat()
        return lstat(path, &status) == 0 ? status : nil
    }

    /// Only a refused connection proves that nobody listens: a full backlog (`EAGAIN`) has a listener.
    private func isServed() -> Bool {
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return true }
        defer { close(descriptor) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let answer = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        return answer == 0 || (errno != ECONNREFUSED && errno != ENOENT)
    }
}
