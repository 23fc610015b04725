internal import Logging
package import MeshConfig
internal import MeshPolicy
internal import MeshRegistry
internal import MeshTypes
internal import Synchronization

/// The policy and registry files: read at start and on change; a bad set is reported and the last good one stays in force.
package final class NodeDocuments: Sendable {
    private let configuration: NodeConfiguration
    private let reconciler: Reconciler
    private let log: Logger
    private let errors = Mutex<[String: DocumentErrors]>([:])
    private let policyHints: AsyncStream<Void>
    private let registryHints: AsyncStream<Void>
    private let hint: @Sendable () -> Void
    private let policyWatch: DocumentWatch
    private let registryWatch: DocumentWatch

    init(_ configuration: NodeConfiguration, reconciler: Reconciler, log: Logger) {
        self.configuration = configuration
        self.reconciler = reconciler
        self.log = log
        policyWatch = DocumentWatch(path: configuration.policy, extensions: PolicyDocuments.extensions)
        registryWatch = DocumentWatch(path: configuration.registry, extensions: RegistryDocuments.extensions)
        let policy = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        let registry = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        policyHints = policy.stream
        registryHints = registry.stream
        hint = {
            policy.continuation.yield()
            registry.continuation.yield()
        }
    }

    /// What is wrong with the files now; empty when all of them are in force.
    var problems: [(what: String, errors: DocumentErrors)] {
        errors.withLock { errors in errors.sorted { $0.key < $1.key }.map { (what: $0.key, errors: $0.value) } }
    }

    func loadAll() async {
        await loadPolicy()
        await loadRegistry()
    }

    /// Reads everything again, changed or not.
    func reload() { hint() }

    /// Until cancelled.
    func watch() async {
        await withTaskGroup { group in
            group.addTask { await self.policyWatch.run(hints: self.policyHints) { await self.loadPolicy() } }
            group.addTask { await self.registryWatch.run(hints: self.registryHints) { await self.loadRegistry() } }
        }
    }

    /// What is wrong with the files that a configuration names; nothing is applied.
    package static func check(_ configuration: NodeConfiguration) -> [DocumentError] {
        var errors: [DocumentError] = []
        do throws(DocumentErrors) {
            _ = try PolicyDocuments.load(
                directory: configuration.policy, namespace: configuration.namespace, aliases: configuration.aliases)
        } catch { errors += error.errors }
        do throws(DocumentErrors) {
            _ = try RegistryDocuments.load(path: configuration.registry, namespace: configuration.namespace)
        } catch { errors += error.errors }
        return errors
    }

    private func loadPolicy() async {
        do throws(DocumentErrors) {
            let policy = try PolicyDocuments.load(
                directory: configuration.policy, namespace: configuration.namespace, aliases: configuration.aliases)
            settle("policy")
            await reconciler.apply(policy: policy)
            await noteUnenforced()
        } catch { report("policy", error) }
    }

    private func loadRegistry() async {
        do throws(DocumentErrors) {
            let registry = try RegistryDocuments.load(path: configuration.registry, namespace: configuration.namespace)
            settle("registry")
            await reconciler.apply(registry: registry)
            await noteUnenforced()
        } catch { report("registry", error) }
    }

    /// What of the policies has no effect on traffic, once both kinds of files are there to tell.
    private func noteUnenforced() async {
        let registry = await reconciler.registry
        guard !registry.services.isEmpty else { return }
        for policy in await reconciler.policy.policies {
            let keys = policy.notEnforced(
                mayBeHTTP: registry.mayBeHTTP(ServiceIdentity(namespace: configuration.namespace, name: policy.service)),
                sharesLimits: configuration.limits.redis != nil)
            guard !keys.isEmpty else { continue }
            log.notice("not enforced", metadata: ["service": "\(policy.service)", "keys": "\(keys.joined(separator: ", "))"])
        }
    }

    private func settle(_ what: String) {
        if errors.withLock({ $0.removeValue(forKey: what) }) != nil { log.notice("\(what) files are in force again") }
    }

    private func report(_ what: String, _ found: DocumentErrors) {
        let isNew = errors.withLock { $0.updateValue(found, forKey: what) != found }
        guard isNew else { return }
        for error in found.errors { log.error("\(what) files refused, the last good ones stay in force", metadata: ["error": "\(error)"]) }
    }
}
