internal import Glibc
internal import Logging
internal import MeshSystem
internal import Synchronization

/// The sockets at which connections wait while no daemon runs: the supervisor keeps them open from one daemon to the next.
///
/// Without a supervisor nothing is kept: the sockets end with the process, and connections are refused until the next one.
final class KeptSockets: Sendable {
    /// The listeners for other nodes.
    static let tunnel = "tunnel"
    /// That by which the kernel programs take the daemon for alive.
    static let liveness = "liveness"
    /// The status socket, out of a socket unit; the supervisor keeps it by itself.
    static let status = "status"

    /// What a namespace's listeners and resolver sockets are kept as.
    static func name(ofNamespace cookie: UInt64) -> String { "namespace-\(cookie)" }

    private let supervisor: Supervisor
    private let inherited: InheritedSockets
    private let log: Logger
    private let kept = Mutex<[String: [Int32]]>([:])

    init(supervisor: Supervisor, inherited: InheritedSockets, log: Logger) {
        self.supervisor = supervisor
        self.inherited = inherited
        self.log = log
    }

    /// The next socket of `name` that the daemon before this one left, if it is of the kind.
    func take(_ name: String, where fits: (SocketKind) -> Bool) -> FileDescriptor? {
        guard let socket = inherited.take(name, where: { SocketKind(of: $0).map(fits) ?? false }) else { return nil }
        kept.withLock { $0[name, default: []].append(socket.raw) }
        return socket
    }

    /// Keeps a new one.
    func keep(_ descriptor: Int32, as name: String) {
        guard supervisor.isPresent else { return }
        kept.withLock { $0[name, default: []].append(descriptor) }
        send("keep", name) { () throws(SystemError) in try supervisor.keep(descriptor, as: name) }
    }

    /// Keeps those of `name` no longer.
    func forget(_ name: String) {
        guard kept.withLock({ $0.removeValue(forKey: name) }) != nil else { return }
        send("forget", name) { () throws(SystemError) in try supervisor.forget(name) }
    }

    /// Closes what nobody took. A name goes as a whole, so what is in use under it is handed over again.
    func sweep() {
        for name in inherited.closeRest() {
            log.info("sockets of a daemon before this one are closed: nobody needs them", metadata: ["name": "\(name)"])
            send("forget", name) { () throws(SystemError) in try supervisor.forget(name) }
            for descriptor in kept.withLock({ $0[name] ?? [] }) {
                send("keep", name) { () throws(SystemError) in try supervisor.keep(descriptor, as: name) }
            }
        }
    }

    private func send(_ what: String, _ name: String, _ body: () throws(SystemError) -> Void) {
        do throws(SystemError) { try body() } catch {
            log.error(
                "the supervisor cannot be told to \(what) sockets: a restart will refuse connections there",
                metadata: ["name": "\(name)", "error": "\(error)"])
        }
    }
}
