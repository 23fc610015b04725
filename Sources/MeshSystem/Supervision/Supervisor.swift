internal import CLinux
internal import Glibc

/// The service manager that started this process (systemd), told of the daemon's state and given its sockets to keep: the protocol of
/// sd_notify(3), datagrams to the socket that `$NOTIFY_SOCKET` names. Without one nothing is sent.
package struct Supervisor: Sendable {
    /// What it is told.
    package enum Statement: Sendable, Equatable {
        case ready
        case reloading
        case stopping
        /// A line for `systemctl status`.
        case status(String)
        /// All is well: within the interval that `watchdog` names, or the process is killed.
        case alive
        /// The present stage (start, stop) may take this long from now.
        case needs(Duration)

        var text: String {
            switch self {
            case .ready: "READY=1"
            case .reloading: "RELOADING=1"
            case .stopping: "STOPPING=1"
            case .status(let line): "STATUS=" + line.replacing("\n", with: " ")
            case .alive: "WATCHDOG=1"
            case .needs(let duration): "EXTEND_TIMEOUT_USEC=\(duration.microseconds)"
            }
        }
    }

    private let socket: String?
    /// How often it must hear `alive`; nil when it does not watch.
    package let watchdog: Duration?

    /// - Parameter socket: the path, or `@` and an abstract name; nil for none.
    package init(socket: String?, watchdog: Duration? = nil) {
        self.socket = socket
        self.watchdog = watchdog
    }

    /// From the environment, whose variables are removed: programs that this one starts are not the service.
    package static func fromEnvironment() -> Supervisor {
        let socket = takeVariable("NOTIFY_SOCKET")
        let microseconds = takeVariable("WATCHDOG_USEC").flatMap { Int64($0) }
        let process = takeVariable("WATCHDOG_PID").flatMap { pid_t($0) }
        let isMeant = process == nil || process == getpid()
        return Supervisor(socket: socket, watchdog: isMeant ? microseconds.map { .microseconds($0) } : nil)
    }

    package var isPresent: Bool { socket != nil }

    /// - Throws: when the supervisor cannot be reached.
    package func tell(_ statements: Statement...) throws(SystemError) {
        try send(statements.map(\.text).joined(separator: "\n"))
    }

    /// Keeps a socket open beyond this process; the next one gets it under `name` (`InheritedSockets`).
    ///
    /// The supervisor does not poll it: a listener reports no hang-up, and an error of a UDP socket is not its end.
    package func keep(_ descriptor: Int32, as name: String) throws(SystemError) {
        try send("FDSTORE=1\nFDNAME=\(name)\nFDPOLL=0", descriptor)
    }

    /// Closes the sockets that it keeps under `name`.
    package func forget(_ name: String) throws(SystemError) { try send("FDSTOREREMOVE=1\nFDNAME=\(name)") }

    private func send(_ text: String, _ descriptor: Int32 = -1) throws(SystemError) {
        guard let socket else { return }
        try checked("sendmsg", on: socket) { clinux_notify(socket, text, text.utf8.count, descriptor) }
    }
}

/// The value of an environment variable, which is removed. Only while nobody else reads the environment: at the start.
func takeVariable(_ name: String) -> String? {
    guard let value = getenv(name) else { return nil }
    defer { unsetenv(name) }
    return String(cString: value)
}

extension Duration {
    fileprivate var microseconds: Int64 { components.seconds * 1_000_000 + components.attoseconds / 1_000_000_000_000 }
}
