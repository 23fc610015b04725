internal import Foundation
package import MeshTypes

/// The daemon's own registry (R2.2): instances of this node register over the status socket, and stay known when the daemon restarts.
///
/// Its store is a file, written whole on each change before the change is acknowledged. Heartbeats are not written: after a restart every
/// instance has its whole time to live again.
package actor EmbeddedRegistry: RegistrySource {
    package nonisolated let name = SourceName(.embedded)

    private let file: String
    private var instances: Instances
    private let changes: AsyncStream<Void>
    private let changed: AsyncStream<Void>.Continuation
    private let expired: @Sendable (Registration) -> Void
    /// Why instances that were registered before are not known, if so.
    package nonisolated let warning: String?

    /// - Parameters:
    ///   - file: read now.
    ///   - expired: told of instances whose heartbeats stopped.
    package init(file: String, node: String, expired: @escaping @Sendable (Registration) -> Void) {
        self.file = file
        self.expired = expired
        (changes, changed) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        var instances = Instances(node: node)
        var warning: String?
        if FileManager.default.fileExists(atPath: file) {
            if let known = Self.load(file) {
                for registration in known {
                    do throws(RegistrationFailure) { try instances.register(registration, now: .now) } catch { warning = "\(error)" }
                }
            } else {
                warning = "\(file) is damaged: instances must register again"
            }
        }
        self.instances = instances
        self.warning = warning
    }

    private static func load(_ file: String) -> [Registration]? {
        let size = (try? FileManager.default.attributesOfItem(atPath: file)[.size] as? Int) ?? .max
        guard size <= StoredRegistrations.maximumSize, let data = FileManager.default.contents(atPath: file) else { return nil }
        return (try? JSONDecoder().decode(StoredRegistrations.self, from: data))?.registrations
    }

    package var registrations: [Registration] { instances.all }
    package var records: RegistryRecords { instances.records }
    package func registration(_ id: String) -> Registration? { instances[id] }

    package func register(_ registration: Registration) throws(RegistrationFailure) {
        let isSame = instances[registration.id] == registration
        try instances.register(registration, now: .now)
        changed.yield()
        if !isSame { try keep() }
    }

    package func heartbeat(_ id: String) throws(RegistrationFailure) {
        try instances.heartbeat(id, now: .now)
        changed.yield()
    }

    package func drain(_ id: String, _ isDraining: Bool) throws(RegistrationFailure) {
        guard try instances.drain(id, isDraining) else { return }
        changed.yield()
        try keep()
    }

    package func deregister(_ id: String) throws(RegistrationFailure) {
        try instances.deregister(id)
        changed.yield()
        try keep()
    }

    package func run(_ report: @escaping @Sendable (SourceReport) async -> Void) async {
        changed.yield()
        await withTaskCancellationHandler {
            var timer: Task<Void, Never>?
            for await _ in changes {
                timer?.cancel()
                let late = instances.expire(now: .now)
                for registration in late { expired(registration) }
                if !late.isEmpty { try? keep() }
                await report(.records(instances.records, SourceNote()))
                timer = instances.nextEnd.map { end in
                    Task { [changed] in
                        do { try await Task.sleep(until: end, clock: .continuous) } catch { return }
                        changed.yield()
                    }
                }
            }
            timer?.cancel()
        } onCancel: {
            changed.finish()
        }
    }

    /// Atomic: a crash leaves the old file or the new one.
    private func keep() throws(RegistrationFailure) {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        do {
            let directory = URL(fileURLWithPath: file).deletingLastPathComponent()
            try FileManager.default.createDirectory(
                at: directory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
            try encoder.encode(StoredRegistrations(instances.all)).write(to: URL(fileURLWithPath: file), options: .atomic)
        } catch {
            throw RegistrationFailure(
                .notKept, "cannot write \(file): \(error.localizedDescription)",
                advice: "free space there: what was asked is in force, and is forgotten when the daemon ends")
        }
    }
}
