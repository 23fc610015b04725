internal import Logging
package import MeshConfig
internal import MeshPolicy
internal import MeshRegistry
internal import MeshTypes
internal import Synchronization

/// The policy files, and what is wrong with those of the registry: a bad set is reported and the last good one stays in force.
package final class NodeDocuments: Sendable {
    private let configuration: NodeConfiguration
    private let reconciler: Reconciler
    private let log: Logger
    private let errors: DocumentTroubles
    private let policyHints: AsyncStream<Void>
    private let hint: @Sendable () -> Void
    private let policyWatch: DocumentWatch
    /// nil where no files are configured.
    let registryFiles: FilesSource?

    init(_ configuration: NodeConfiguration, reconciler: Reconciler, log: Logger) {
        self.configuration = configuration
        self.reconciler = reconciler
        self.log = log
        policyWatch = DocumentWatch(path: configuration.policy, extensions: PolicyDocuments.extensions)
        let policy = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        let registry = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        policyHints = policy.stream
        let errors = DocumentTroubles(log: log)
        self.errors = errors
        registryFiles = configuration.registry.files.map { path in
            FilesSource(path: path, namespace: configuration.namespace, reload: registry.stream) { errors.note("registry", $0) }
        }
        hint = {
            policy.continuation.yield()
            registry.continuation.yield()
        }
    }

    /// What is wrong with the files now; empty when all of them are in force.
    var problems: [(what: String, errors: DocumentErrors)] {
        errors.all
    }

    /// Reads everything again, changed or not.
    func reload() { hint() }

    /// Until cancelled.
    func watch() async {
        await policyWatch.run(hints: policyHints) { await self.loadPolicy() }
    }

    /// What is wrong with the files that a configuration names; nothing is applied.
    package static func check(_ configuration: NodeConfiguration) -> [DocumentError] {
        var errors: [DocumentError] = []
        do throws(DocumentErrors) {
            _ = try PolicyDocuments.load(
                directory: configuration.policy, namespace: configuration.namespace, aliases: configuration.aliases)
        } catch { errors += error.errors }
        if let files = configuration.registry.files {
            do throws(DocumentErrors) {
                _ = try RegistryDocuments.load(path: files, namespace: configuration.namespace)
            } catch { errors += error.errors }
        }
        return errors
    }

    func loadPolicy() async {
        do throws(DocumentErrors) {
            let policy = try PolicyDocuments.load(
                directory: configuration.policy, namespace: configuration.namespace, aliases: configuration.aliases)
            errors.note("policy", nil)
            await reconciler.apply(policy: policy)
            await noteUnenforced()
        } catch { errors.note("policy", error) }
    }

    /// What of the policies has no effect on traffic, once both kinds of files are there to tell.
    func noteUnenforced() async {
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
}

/// What is wrong with files: logged when it begins and when it ends.
final class DocumentTroubles: Sendable {
    private let errors = Mutex<[String: DocumentErrors]>([:])
    private let log: Logger

    init(log: Logger) { self.log = log }

    var all: [(what: String, errors: DocumentErrors)] {
        errors.withLock { errors in errors.sorted { $0.key < $1.key }.map { (what: $0.key, errors: $0.value) } }
    }

    /// - Parameter found: nil when the files are in force.
    func note(_ what: String, _ found: DocumentErrors?) {
        let before = errors.withLock { errors in
            defer { errors[what] = found }
            return errors[what]
        }
        guard before != found else { return }
        guard let found else { return log.notice("\(what) files are in force again") }
        for error in found.errors { log.error("\(what) files refused, the last good ones stay in force", metadata: ["error": "\(error)"]) }
    }
}
