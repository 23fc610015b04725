internal import CLinux
internal import Glibc

/// An epoll set. `token` comes back with each event; edge- or level-triggered as the caller asks.
package struct Poller: ~Copyable, Sendable {
    private let descriptor: FileDescriptor

    package struct Interest: OptionSet, Sendable {
        package let rawValue: UInt32
        package init(rawValue: UInt32) { self.rawValue = rawValue }
        package static let readable = Interest(rawValue: 0x001)  // EPOLLIN
        package static let writable = Interest(rawValue: 0x004)  // EPOLLOUT
        package static let error = Interest(rawValue: 0x008)  // EPOLLERR
        package static let hangUp = Interest(rawValue: 0x010)  // EPOLLHUP
        package static let peerHalfClosed = Interest(rawValue: 0x2000)  // EPOLLRDHUP
        package static let exclusive = Interest(rawValue: 1 << 28)  // EPOLLEXCLUSIVE
        package static let edgeTriggered = Interest(rawValue: 1 << 31)  // EPOLLET

        // What is asked of every event, as bits: set algebra on option sets is generic code across modules, and was 2 % of a worker.
        package var mayWrite: Bool { rawValue & 0x004 != 0 }
        package var hasFailed: Bool { rawValue & 0x008 != 0 }
        /// There is something to read, if only an end or an error.
        package var mayRead: Bool { rawValue & 0x2019 != 0 }
        /// Nothing comes after what can be read now.
        package var isLast: Bool { rawValue & 0x2018 != 0 }
        /// `connect` has succeeded or failed.
        package var endsConnecting: Bool { rawValue & 0x01c != 0 }
    }

    package init() throws(SystemError) {
        descriptor = FileDescriptor(owning: try checked("epoll_create1") { epoll_create1(SOCK_CLOEXEC_FLAG) })
    }

    package borrowing func add(_ file: Int32, _ interest: Interest, token: UInt64) throws(SystemError) {
        try control(EPOLL_CTL_ADD, file, interest, token)
    }

    package borrowing func modify(_ file: Int32, _ interest: Interest, token: UInt64) throws(SystemError) {
        try control(EPOLL_CTL_MOD, file, interest, token)
    }

    package borrowing func remove(_ file: Int32) throws(SystemError) {
        try control(EPOLL_CTL_DEL, file, [], 0)
    }

    private borrowing func control(
        _ operation: Int32, _ file: Int32, _ interest: Interest, _ token: UInt64
    ) throws(SystemError) {
        var event = epoll_event(events: interest.rawValue, data: epoll_data_t(u64: token))
        let raw = descriptor.raw
        try checked("epoll_ctl") { epoll_ctl(raw, operation, file, &event) }
    }

    /// Waits at most `timeout` milliseconds (-1: for ever); returns how many of `events` were filled.
    package borrowing func wait(_ events: borrowing PollEvents, timeout: Int32) -> Int {
        let count = epoll_wait(descriptor.raw, events.buffer.baseAddress, Int32(events.buffer.count), timeout)
        return count < 0 ? 0 : Int(count)
    }

    /// The same to the nanosecond, for what must happen on time.
    package borrowing func wait(_ events: borrowing PollEvents, nanoseconds: Int64) -> Int {
        guard nanoseconds >= 0 else { return wait(events, timeout: -1) }
        var time = timespec(tv_sec: Int(nanoseconds / 1_000_000_000), tv_nsec: Int(nanoseconds % 1_000_000_000))
        let count = epoll_pwait2(descriptor.raw, events.buffer.baseAddress, Int32(events.buffer.count), &time, nil)
        return count < 0 ? 0 : Int(count)
    }
}

/// Room for the events of one wait.
package struct PollEvents: ~Copyable {
    fileprivate let buffer: UnsafeMutableBufferPointer<epoll_event>

    package init(capacity: Int) {
        buffer = .allocate(capacity: capacity)
        buffer.initialize(repeating: epoll_event())
    }

    deinit { buffer.deallocate() }

    /// The token and the readiness of event `index` of the last wait.
    package subscript(index: Int) -> (token: UInt64, ready: Poller.Interest) {
        let event = buffer[index]
        return (event.data.u64, Poller.Interest(rawValue: event.events))
    }
}
