internal import Foundation
package import Logging
internal import MeshBPF
package import MeshConfig
internal import MeshDataPlane
internal import MeshIdentity
internal import MeshPolicy
internal import MeshRegistry
package import MeshSystem
internal import MeshTelemetry
internal import MeshTypes
internal import Synchronization

/// One node's daemon: starts everything in an order that is closed at each step, runs until it is told to stop, and leaves the kernel
/// programs in place, so that a workload without a daemon is refused, or waits for the next one, and is never in the clear.
package final class Daemon: Sendable {
    /// How long the stores may take to hear that this node is about to stop.
    private static let announcingTimeout = Duration.seconds(2)

    private let configuration: NodeConfiguration
    private let log: Logger
    private let lock: DaemonLock
    private let parts: NodeParts
    private let documents: NodeDocuments
    private let registry: NodeRegistry
    private let admin: NodeAdmin
    private let administration: Administration
    private let supervisor: Supervisor
    private let watchdog: Watchdog?

    /// Takes over from the daemon before it, or starts afresh. Connections are captured when this returns.
    package init(
        _ configuration: NodeConfiguration, supervisor: Supervisor, inherited: InheritedSockets, log: Logger
    ) async throws(StartFailure) {
        self.configuration = configuration
        self.log = log
        self.supervisor = supervisor
        let descriptors = try ProcessLimits.apply()
        try DaemonDirectories.make(configuration.stateDirectory, mode: DaemonDirectories.privateMode)
        try DaemonDirectories.make(configuration.runDirectory, mode: DaemonDirectories.runMode)
        lock = try DaemonLock(runDirectory: configuration.runDirectory)
        try DaemonDirectories.checkWritable(configuration.stateDirectory)
        let kept = KeptSockets(supervisor: supervisor, inherited: inherited, log: log)
        let parts = try NodeParts(configuration, descriptors: descriptors, kept: kept, log: log)
        self.parts = parts
        let reconciler = parts.reconciler
        let documents = NodeDocuments(configuration, reconciler: reconciler, log: log)
        self.documents = documents
        registry = NodeRegistry(
            configuration, itself: parts.itself, files: documents.registryFiles, identities: parts.identities,
            farewell: supervisor.isPresent ? .handOver : .withdraw, log: log
        ) {
            await reconciler.apply(registry: $0)
            await documents.noteUnenforced()
        }
        admin = NodeAdmin(configuration, parts: parts, documents: documents, registry: registry)
        administration = try Administration(configuration, inherited: Self.statusSocket(inherited), source: admin, log: log)
        watchdog = Watchdog(supervisor, log: log) {
            Watchdog.Signs(
                workers: parts.dataPlane.slowestTurn, names: parts.names.signOfLife(),
                control: parts.reconciler.passedAt.load(ordering: .relaxed))
        }
        await start()
    }

    /// Open for as long as the process lives.
    private static func statusSocket(_ inherited: InheritedSockets) -> Int32? {
        let socket = inherited.take(KeptSockets.status) { SocketKind(of: $0).map { $0.isListening && $0.address == nil } ?? false }
        guard let socket else { return nil }
        return socket.release()
    }

    private func start() async {
        await documents.loadPolicy()
        await registry.load()
        if let warning = registry.embedded.warning { log.error("registered instances", metadata: ["error": "\(warning)"]) }
        parts.resolvers?.read()
        parts.startThreads()
        await parts.reconciler.pass()
        await parts.enrolment.forgetStrangers()
        admin.enter(.serving)
        log.notice(
            "serving",
            metadata: [
                "node": "\(configuration.node.name)", "tunnel": "\(parts.tunnel)", "took_over": "\(parts.capture.tookOver)",
                "workers": "\(configuration.workers)",
            ])
    }

    /// Until a stop is ordered.
    package func run(_ signals: Signals) async {
        let departure = Departure(dataPlane: parts.dataPlane, log: log)
        await withTaskGroup { [parts, documents, registry, administration] group in
            group.addTask { await parts.reconciler.run() }
            group.addTask { await parts.identities.run() }
            group.addTask { await parts.authority?.run(parts.reconciler, parts.identities) }
            group.addTask { await parts.clock.run(parts.identities) }
            group.addTask { await parts.resolvers?.run() }
            group.addTask { for await _ in parts.identities.changes { parts.reconciler.wake() } }
            group.addTask { await parts.agent?.run(parts.identities) }
            group.addTask { await parts.workloadAPI?.run() }
            group.addTask { await documents.watch() }
            group.addTask { await registry.run() }
            group.addTask { await administration.run() }
            watchdog?.start()
            tell(.ready, .status("serving as \(configuration.node.name)"))
            for await order in signals.orders {
                if order == .stop { break }
                log.notice("reloading")
                tell(.reloading)
                documents.reload()
                parts.flowLog.reopen()
                tell(.ready)
            }
            tell(.stopping, .status("waiting for connections to end"))
            log.notice("draining")
            admin.enter(.draining)
            // Without a successor at the same sockets others send nothing here any more before the tunnels say goodbye.
            await registry.leave(until: .now + Self.announcingTimeout)
            await departure.leave()
            group.cancelAll()
        }
        // A store or an authority that is slow to end its connections holds up no traffic: that is served until here.
        await departure.drain()
        watchdog?.stop()
        parts.stopThreads()
        log.notice("stopped; workloads stay captured: they are refused, or wait if a supervisor keeps the sockets, until a daemon is back")
    }

    private func tell(_ first: Supervisor.Statement, _ second: Supervisor.Statement? = nil) {
        do throws(SystemError) {
            if let second { try supervisor.tell(first, second) } else { try supervisor.tell(first) }
        } catch {
            log.error("the service manager cannot be told of the daemon's state", metadata: ["error": "\(error)"])
        }
    }
}
