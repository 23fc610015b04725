internal import Foundation
package import Logging
internal import MeshBPF
package import MeshConfig
internal import MeshDataPlane
internal import MeshIdentity
internal import MeshPolicy
internal import MeshRegistry
internal import MeshSystem
internal import MeshTelemetry
internal import MeshTypes

/// One node's daemon: starts everything in an order that is closed at each step, runs until it is told to stop, and leaves the kernel
/// programs in place, so that a workload without a daemon is refused and never in the clear.
package final class Daemon: Sendable {
    /// How long flows may go on after SIGTERM.
    private static let drainTimeout = Duration.seconds(20)
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

    /// Takes over from the daemon before it, or starts afresh. Connections are captured when this returns.
    package init(_ configuration: NodeConfiguration, log: Logger) async throws(StartFailure) {
        self.configuration = configuration
        self.log = log
        let descriptors = try ProcessLimits.apply()
        try DaemonDirectories.make(configuration.stateDirectory, mode: DaemonDirectories.privateMode)
        try DaemonDirectories.make(configuration.runDirectory, mode: DaemonDirectories.runMode)
        lock = try DaemonLock(runDirectory: configuration.runDirectory)
        try DaemonDirectories.checkWritable(configuration.stateDirectory)
        parts = try NodeParts(configuration, descriptors: descriptors, log: log)
        let reconciler = parts.reconciler
        let documents = NodeDocuments(configuration, reconciler: reconciler, log: log)
        self.documents = documents
        registry = NodeRegistry(configuration, itself: parts.itself, files: documents.registryFiles, identities: parts.identities, log: log)
        {
            await reconciler.apply(registry: $0)
            await documents.noteUnenforced()
        }
        admin = NodeAdmin(configuration, parts: parts, documents: documents, registry: registry)
        administration = try Administration(configuration, source: admin, log: log)
        await start()
    }

    private func start() async {
        await documents.loadPolicy()
        await registry.load()
        if let warning = registry.embedded.warning { log.error("registered instances", metadata: ["error": "\(warning)"]) }
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
        await withTaskGroup { [parts, documents, registry, administration] group in
            group.addTask { await parts.reconciler.run() }
            group.addTask { await parts.identities.run() }
            group.addTask { await parts.authority?.run(parts.reconciler, parts.identities) }
            group.addTask { await parts.clock.run(parts.identities) }
            group.addTask { for await _ in parts.identities.changes { parts.reconciler.wake() } }
            group.addTask { await parts.agent?.run(parts.identities) }
            group.addTask { await parts.workloadAPI?.run() }
            group.addTask { await documents.watch() }
            group.addTask { await registry.run() }
            group.addTask { await administration.run() }
            for await order in signals.orders {
                if order == .stop { break }
                log.notice("reloading")
                documents.reload()
                parts.flowLog.reopen()
            }
            await drain()
            group.cancelAll()
        }
        parts.stopThreads()
        log.notice("stopped; workloads stay captured and refused until a daemon is back")
    }

    /// Lets flows end. A second signal does not wait: systemd sends SIGKILL anyway.
    private func drain() async {
        log.notice("draining")
        admin.enter(.draining)
        let deadline = ContinuousClock.now + Self.drainTimeout
        // Others send nothing here any more before the tunnels say goodbye.
        await registry.leave(until: .now + Self.announcingTimeout)
        parts.dataPlane.drain()
        while ContinuousClock.now < deadline, await !parts.dataPlane.connections().isEmpty {
            try? await Task.sleep(for: .milliseconds(100))
        }
    }
}
