internal import Foundation
package import MeshRegistry
package import MeshTypes

/// Services that are registered with Consul, and operators' records in its key-value store (R2.2).
///
/// Every service has a question of its own that waits for a change, so that a change costs one answer.
package actor ConsulSource: RegistrySource {
    /// Services, at most: each takes a connection to the agent.
    package static let maximumServices = 1024
    private static let longestPause = Duration.seconds(3)
    /// How long changes are collected before they are reported.
    private static let collection = Duration.milliseconds(20)
    /// Between two answers to the same question, so that a service that changes all the time costs a bounded share.
    private static let shortestRound = Duration.milliseconds(100)
    /// How often the clock and the roots are looked at.
    private static let look = Duration.seconds(5)

    package nonisolated let name: SourceName
    private let options: ConsulOptions
    private let namespace: String
    private let signatures: AnnouncementCheck.Signatures
    private let trustDomain: String
    private let keys: any AnnouncementKeys
    private let clock: @Sendable () -> Int64

    private var reader: ConsulRecordReader
    private var catalog = StoreCatalog()
    /// By the name of a service; nil until its first answer.
    private var instances: [String: [String: Fingerprint]?] = [:]
    private var operatorKeys: Set<String>?
    private var index = ConsulIndex()
    private var session: Session?
    /// Seconds since the epoch: when the connection was lost, until there is another one.
    private var lost: Int64?
    private var grace: ExpiryGrace?
    private var random = SystemRandomNumberGenerator()

    /// By which an instance that did not change is known.
    private struct Fingerprint: Equatable {
        let modified: UInt64
        let health: ConsulInstance.Health
    }

    /// One stretch without a failure.
    private struct Session {
        let changed: AsyncStream<Void>.Continuation
        let discovered: AsyncStream<String>.Continuation
        var failure: StoreError?
    }

    /// - Parameters:
    ///   - namespace: of services that name none.
    ///   - clock: seconds since the epoch.
    package init(
        _ options: ConsulOptions, name: SourceName = SourceName(.consul), namespace: String, trustDomain: String,
        signatures: AnnouncementCheck.Signatures = .required, keys: any AnnouncementKeys,
        clock: @escaping @Sendable () -> Int64 = { Int64(Date().timeIntervalSince1970) }
    ) {
        self.name = name
        self.options = options
        self.namespace = namespace
        self.signatures = signatures
        self.trustDomain = trustDomain
        self.keys = keys
        self.clock = clock
        reader = ConsulRecordReader(
            prefix: options.prefix, namespace: namespace,
            check: AnnouncementCheck(signatures: signatures, trustDomain: trustDomain, trust: nil))
    }

    /// Announcements that are left out now, by reason.
    package var refusals: [AnnouncementRefusal: Int] { catalog.refusals }

    package func run(_ report: @escaping @Sendable (SourceReport) async -> Void) async {
        var pause = RetryPause(longest: Self.longestPause)
        while !Task.isCancelled {
            let start = ContinuousClock.now
            do throws(StoreError) {
                try await converse(report)
            } catch {
                if ContinuousClock.now - start > Self.longestPause { pause.succeeded() }
                guard !Task.isCancelled else { return }
                if case .outdated = error { continue }
                if lost == nil { lost = clock() }
                await report(.failed(error.failure(of: options.place, access: ConsulOptions.accessAdvice)))
                try? await Task.sleep(for: pause.failed(using: &random))
            }
        }
    }

    /// Follows everything until something fails.
    private func converse(_ report: @escaping @Sendable (SourceReport) async -> Void) async throws(StoreError) {
        forget()
        try await adoptTrust()
        let client = try ConsulClient(options)
        let (changes, changed) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        let (names, discovered) = AsyncStream.makeStream(of: String.self, bufferingPolicy: .bufferingOldest(Self.maximumServices))
        session = Session(changed: changed, discovered: discovered)
        await withTaskGroup { group in
            group.addTask { await self.untilFailure { () throws(StoreError) in try await self.followNames(client) } }
            group.addTask { await self.untilFailure { () throws(StoreError) in try await self.followRecords(client) } }
            group.addTask { await self.untilFailure { () throws(StoreError) in try await self.lookRound() } }
            group.addTask { for await _ in changes { await self.tell(report) } }
            for await name in names {
                group.addTask { await self.untilFailure { () throws(StoreError) in try await self.follow(name, client) } }
            }
            group.cancelAll()
        }
        await client.close()
        let failure = session?.failure
        session = nil
        throw failure ?? .unreachable("the daemon stops")
    }

    private func forget() {
        catalog.loseAll()
        instances = [:]
        operatorKeys = nil
        index = ConsulIndex()
    }

    private func untilFailure(_ body: () async throws(StoreError) -> Void) async {
        do throws(StoreError) { try await body() } catch {
            if session?.failure == nil { session?.failure = error }
            session?.discovered.finish()
            session?.changed.finish()
        }
    }

    private func adoptTrust() async throws(StoreError) {
        guard let trust = await keys.trustBundle() else { throw .notReady("the authority's roots are not known yet") }
        let revoked = await keys.revoked()
        guard trust !== reader.check.trust || revoked != reader.check.revoked else { return }
        let isChange = reader.check.trust != nil && session != nil
        reader = ConsulRecordReader(
            prefix: options.prefix, namespace: namespace,
            check: AnnouncementCheck(
                signatures: signatures, trustDomain: trustDomain, trust: trust, revoked: revoked))
        if isChange { throw .outdated("the authority's roots or revocations changed") }
    }

    private func lookRound() async throws(StoreError) {
        while !Task.isCancelled {
            try? await Task.sleep(for: Self.look)
            try await adoptTrust()
            if catalog.nextChange <= clock() { session?.changed.yield() }
        }
    }

    // MARK: Questions

    private func followNames(_ client: ConsulClient) async throws(StoreError) {
        while !Task.isCancelled {
            let answer = try await client.services(index)
            if index.advance(to: answer.index) { try take(names: answer.value) }
            try? await Task.sleep(for: Self.shortestRound)
        }
    }

    private func take(names: [String: [String]]) throws(StoreError) {
        let wanted = Set(names.filter { name, tags in name != "consul" && (name == ConsulRecordReader.nodeService || isWanted(tags)) }.keys)
        guard wanted.count <= Self.maximumServices else { throw .tooMuch("more than \(Self.maximumServices) services") }
        for name in instances.keys where !wanted.contains(name) {
            for key in known(name).keys { delete(key) }
            instances[name] = nil
        }
        for name in wanted where instances[name] == nil {
            instances.updateValue(nil, forKey: name)
            session?.discovered.yield(name)
        }
        session?.changed.yield()
    }

    private func known(_ service: String) -> [String: Fingerprint] { (instances[service] ?? nil) ?? [:] }

    private func isWanted(_ tags: [String]) -> Bool { options.tag.map(tags.contains) ?? true }

    private func followRecords(_ client: ConsulClient) async throws(StoreError) {
        var index = ConsulIndex()
        while !Task.isCancelled {
            let answer = try await client.values(below: options.prefix, index)
            if index.advance(to: answer.index) { take(values: answer.value) }
            try? await Task.sleep(for: Self.shortestRound)
        }
    }

    private func take(values: [ConsulValue]) {
        let known = Set(values.map { "record " + $0.key })
        for key in operatorKeys ?? [] where !known.contains(key) { catalog[key] = nil }
        // A key that ends with a slash is a folder of Consul's user interface.
        for value in values where !value.key.hasSuffix("/") { catalog["record " + value.key] = reader.entry(value) }
        operatorKeys = known
        session?.changed.yield()
    }

    /// Until the service is gone.
    private func follow(_ service: String, _ client: ConsulClient) async throws(StoreError) {
        var index = ConsulIndex()
        while !Task.isCancelled, instances.keys.contains(service) {
            let answer = try await client.instances(of: service, index)
            guard instances.keys.contains(service) else { return }
            if index.advance(to: answer.index) { try take(answer.value, of: service) }
            try? await Task.sleep(for: Self.shortestRound)
        }
    }

    private func take(_ answer: [ConsulInstance], of service: String) throws(StoreError) {
        let known = known(service)
        var found: [String: Fingerprint] = [:]
        let now = clock()
        for instance in answer where (instance.service.kind ?? "").isEmpty {
            let key = "instance \(service) \(instance.node.name) \(instance.service.id)"
            let fingerprint = Fingerprint(modified: instance.service.modified, health: instance.health)
            found[key] = fingerprint
            guard known[key] != fingerprint else { continue }
            let entry = reader.entry(instance, now: now)
            if instance.health == .critical { catalog.set(key, silent: entry) } else { catalog[key] = entry }
        }
        for key in known.keys where found[key] == nil { delete(key) }
        instances.updateValue(found, forKey: service)
        guard catalog.count <= RegistryBounds.records else { throw .tooMuch("more than \(RegistryBounds.records) instances") }
        session?.changed.yield()
    }

    private func delete(_ key: String) {
        if let grace, clock() < grace.end { catalog.lose(key) } else { catalog[key] = nil }
    }

    // MARK: Reporting

    /// Everything was answered once: before that, what is missing would look as if it were gone.
    private var isWhole: Bool { index.value > 0 && operatorKeys != nil && instances.values.allSatisfy { $0 != nil } }

    private func tell(_ report: @escaping @Sendable (SourceReport) async -> Void) async {
        try? await Task.sleep(for: Self.collection)
        guard isWhole, session?.failure == nil else { return }
        let start = ContinuousClock.now
        if let lost { grace = ExpiryGrace(lost: lost, back: clock()) }
        lost = nil
        let (records, dropped) = catalog.records(now: clock(), grace: grace)
        await report(.records(records, SourceNote(generation: "index \(index.value)", dropped: dropped)))
        // A registry that changes all the time takes no more than a third of this task's time.
        try? await Task.sleep(for: (ContinuousClock.now - start) * 2)
    }
}
