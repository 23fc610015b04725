internal import Logging
internal import MeshConfig
internal import MeshRegistry
internal import MeshTypes

/// The registry of a node: its sources, the store that puts them together, and what the node says of itself to others.
final class NodeRegistry: Sendable {
    let store: RegistryStore
    private let files: FilesSource?
    private let sources: [any RegistrySource]

    /// - Parameter apply: gets each new state.
    init(
        _ configuration: NodeConfiguration, itself: Node, files: FilesSource?, log: Logger,
        apply: @escaping @Sendable (RegistryState) async -> Void
    ) {
        let journal = RegistryJournal(log: log)
        store = RegistryStore(
            configuration.registry, node: itself, archive: RecordArchive(directory: configuration.stateDirectory + "/registry"),
            note: { journal.note($0) }, apply: apply)
        self.files = files
        sources = [files].compactMap(\.self)
    }

    /// What is known without asking anybody: applied when this returns.
    func load() async {
        for source in sources { await store.add(source.name) }
        if let files { await store.receive(files.load(), from: files.name) }
        await store.flush()
    }

    /// Until cancelled.
    func run() async { await store.run(sources) }
}
