internal import CLinux
internal import Glibc

/// An eventfd: readable once it was signalled, until it is cleared. Signalling works from any thread.
package struct EventDescriptor: ~Copyable, Sendable {
    private let file: FileDescriptor

    package init() throws(SystemError) {
        file = FileDescriptor(owning: try checked("eventfd") { clinux_eventfd() })
    }

    package var raw: Int32 { file.raw }

    package borrowing func signal() {
        var one: UInt64 = 1
        // It fails only when the counter is at its maximum, and then it is readable anyway.
        _ = write(file.raw, &one, 8)
    }

    package borrowing func clear() {
        var count: UInt64 = 0
        _ = read(file.raw, &count, 8)
    }
}

/// Names the calling thread, for ps and perf; at most 15 bytes are kept.
package func nameThread(_ name: String) { clinux_name_thread(name) }
