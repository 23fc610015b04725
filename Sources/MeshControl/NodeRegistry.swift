internal import Foundation
internal import Logging
internal import MeshConfig
internal import MeshIdentity
internal import MeshRegistry
internal import MeshSystem
internal import MeshTypes

/// The registry of a node: its sources, the store that puts them together, and what the node says of itself to others.
final class NodeRegistry: Sendable {
    let store: RegistryStore
    let embedded: EmbeddedRegistry
    /// nil without rules.
    let discovery: Discovery?
    let announcer: Announcer
    let stores: NodeStores
    private let farewell: Farewell
    private let drainMark: DrainMark
    private let files: FilesSource?
    private let sources: [any RegistrySource]

    /// - Parameter apply: gets each new state.
    init(
        _ configuration: NodeConfiguration, itself: Node, files: FilesSource?, identities: IdentityStore, farewell: Farewell, log: Logger,
        apply: @escaping @Sendable (RegistryState) async -> Void
    ) {
        self.farewell = farewell
        let journal = RegistryJournal(log: log)
        let directory = configuration.stateDirectory + "/registry"
        drainMark = DrainMark(file: directory + "/draining")
        let stores = NodeStores(configuration, identities: identities, farewell: farewell)
        self.stores = stores
        let announcer = Announcer(stores.publishers) { source, failure in
            log.error("a store is not told of this node's endpoints", metadata: ["store": "\(source)", "error": "\(failure)"])
        }
        self.announcer = announcer
        store = RegistryStore(
            configuration.registry, node: itself, archive: RecordArchive(directory: directory), note: { journal.note($0) }, apply: apply,
            announce: { await announcer.announce($0) })
        embedded = EmbeddedRegistry(file: directory + "/embedded.json", node: itself.name) { gone in
            log.warning(
                "an instance sent no heartbeat and is forgotten",
                metadata: ["instance": "\(gone.id)", "service": "\(gone.service)", "endpoint": "\(gone.address)"])
        }
        discovery =
            configuration.discovery.isEmpty
            ? nil
            : Discovery(
                configuration.discovery, root: ControlGroup.mountPoint() ?? "/sys/fs/cgroup", node: itself.name,
                address: configuration.node.address)
        self.files = files
        let own: [(any RegistrySource)?] = [files, embedded, discovery]
        sources = own.compactMap(\.self) + stores.sources
    }

    /// What is known without asking anybody: applied when this returns.
    func load() async {
        if drainMark.since != nil { await store.drain(true) }
        for source in sources { await store.add(source.name) }
        if let files { await store.receive(files.load(), from: files.name) }
        await store.receive(.records(await embedded.records, SourceNote()), from: embedded.name)
        if let discovery {
            // Else other nodes were told for a moment that there is nothing here.
            await discovery.look()
            await store.receive(await discovery.report, from: discovery.name)
        }
        await store.flush()
    }

    /// Until cancelled.
    func run() async {
        await withTaskGroup { group in
            group.addTask { await self.store.run(self.sources) }
            group.addTask { await self.announcer.run() }
        }
    }

    /// Since when an operator wants this node to take no new calls; nil if none does.
    var drainingSince: Date? { drainMark.since }

    /// In force when this returns or throws; remembered if it returns.
    func drain(_ isDraining: Bool) async throws(RegistrationFailure) {
        await store.drain(isDraining)
        try drainMark.set(isDraining)
    }

    /// Tells other nodes to send nothing here any more, unless the next daemon is expected. Returns when the stores know it, or at the deadline.
    func leave(until deadline: ContinuousClock.Instant) async {
        guard farewell == .withdraw else { return }
        await store.leave()
        await announcer.settle(until: deadline)
    }
}
