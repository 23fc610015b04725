internal import CLinux
internal import Glibc

/// An open file that is closed when its owner goes.
package struct FileDescriptor: ~Copyable, Sendable {
    package let raw: Int32

    /// Takes ownership of `raw`.
    package init(owning raw: Int32) { self.raw = raw }

    deinit { close(raw) }

    /// Gives up ownership: the caller closes it.
    package consuming func release() -> Int32 {
        let raw = self.raw
        discard self
        return raw
    }

    /// Another descriptor of the same open file, close-on-exec.
    package borrowing func duplicate() throws(SystemError) -> FileDescriptor {
        let raw = self.raw
        return FileDescriptor(owning: try checked("fcntl(F_DUPFD_CLOEXEC)") { clinux_duplicate(raw) })
    }

    /// Opens `path`; O_CLOEXEC is added.
    package static func open(_ path: String, flags: Int32 = O_RDONLY, mode: UInt32 = 0) throws(SystemError) -> FileDescriptor {
        FileDescriptor(owning: try checked("open", on: path) { clinux_open(path, flags | O_CLOEXEC, mode) })
    }
}
