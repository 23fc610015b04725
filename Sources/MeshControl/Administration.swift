internal import Logging
internal import MeshConfig
internal import Synchronization

final class DrainState: Sendable {
    private let flag = Atomic<Bool>(false)
    func store(_ value: Bool) { flag.store(value, ordering: .relaxed) }
}
struct Administration {
    let isDraining = DrainState()
    init(_ configuration: NodeConfiguration, parts: NodeParts, documents: NodeDocuments, log: Logger) {}
    func reserve() async throws(StartFailure) {}
    func run() async {}
}
