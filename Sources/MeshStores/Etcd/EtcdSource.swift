internal import Foundation
package import MeshRegistry
package import MeshTypes

/// The records below a prefix of an etcd cluster (R2.2).
package actor EtcdSource: RegistrySource {
    /// Between two tries, at most: half of the shortest lease, so that a cluster that comes back finds its nodes again in time.
    private static let longestPause = Duration.seconds(3)
    /// How long changes are collected before they are reported.
    private static let collection = Duration.milliseconds(20)

    /// Milliseconds: within these, nodes read everything anew after the same cause.
    private static let readSpread = 500

    package nonisolated let name: SourceName
    private let options: EtcdOptions
    private let namespace: String
    private let signatures: AnnouncementCheck.Signatures
    private let trustDomain: String
    private let keys: any AnnouncementKeys
    private let layout: EtcdKeys
    private let clock: @Sendable () -> Int64

    private var following: EtcdFollowing
    private var catalog = StoreCatalog()
    private var reader: EtcdRecordReader
    private var servers: ServerRotation
    /// Seconds since the epoch: when the connection was lost, until there is another one.
    private var lost: Int64?
    private var grace: ExpiryGrace?
    /// All was read in this session, and changes are followed.
    private var isWhole = false
    /// What is read next is of another history than what is known.
    private var isOtherHistory = false
    private var random = SystemRandomNumberGenerator()
    /// Asks the reporting task to report.
    private var changed: AsyncStream<Void>.Continuation?

    /// - Parameters:
    ///   - namespace: of services that name none.
    ///   - clock: seconds since the epoch.
    package init(
        _ options: EtcdOptions, name: SourceName = SourceName(.etcd), namespace: String, trustDomain: String,
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
        layout = EtcdKeys(prefix: options.prefix)
        following = EtcdFollowing(prefix: layout.all)
        reader = EtcdRecordReader(
            keys: layout, namespace: namespace, check: AnnouncementCheck(signatures: signatures, trustDomain: trustDomain, trust: nil))
        servers = ServerRotation(options.servers, using: &random)
    }

    /// Announcements that are left out now, by reason.
    package var refusals: [AnnouncementRefusal: Int] { catalog.refusals }

    package func run(_ report: @escaping @Sendable (SourceReport) async -> Void) async {
        var pause = RetryPause(longest: Self.longestPause)
        while !Task.isCancelled {
            let server = servers.current
            let start = ContinuousClock.now
            do throws(SourceFailure) {
                try await session(with: server, report)
            } catch {
                following.disconnected()
                if lost == nil { lost = clock() }
                servers.advance()
                // A server that only keeps this node waiting has not done well.
                if isWhole, ContinuousClock.now - start > Self.longestPause { pause.succeeded() }
                isWhole = false
                // One member of several that goes away is no news; nor is a connection that another one takes over from.
                let wait = pause.failed(using: &random)
                if pause.failures > servers.count, !Task.isCancelled { await report(.failed(error)) }
                try? await Task.sleep(for: pause.failures < servers.count ? min(wait, Self.collection) : wait)
            }
        }
    }

    /// Talks with one server until something fails.
    private func session(with server: String, _ report: @escaping @Sendable (SourceReport) async -> Void) async throws(SourceFailure) {
        do throws(StoreError) {
            try await adoptTrust()
            let client = try EtcdClient(server: server, options: options)
            let failure: StoreError
            do throws(StoreError) {
                try await converse(client, report)
                failure = .unreachable("the daemon stops")
            } catch { failure = error }
            await client.close()
            throw failure
        } catch { throw error.failure(of: options.place(server), access: EtcdOptions.accessAdvice) }
    }

    /// Signatures are checked against the roots of now; when those change, everything is judged anew.
    private func adoptTrust() async throws(StoreError) {
        guard let trust = await keys.trustBundle() else { throw .notReady("the authority's roots are not known yet") }
        let revoked = await keys.revoked()
        guard trust !== reader.check.trust || revoked != reader.check.revoked else { return }
        let isChange = reader.check.trust != nil
        reader = EtcdRecordReader(
            keys: layout, namespace: namespace,
            check: AnnouncementCheck(
                signatures: signatures, trustDomain: trustDomain, trust: trust, revoked: revoked))
        guard isChange else { return }
        following.begin()
        throw .outdated("the authority's roots or revocations changed")
    }

    private func converse(
        _ client: EtcdClient, _ report: @escaping @Sendable (SourceReport) async -> Void
    ) async throws(StoreError) {
        while !Task.isCancelled {
            do throws(StoreError) {
                switch following.next {
                case .read(let key, let limit, let revision): try await read(client, key, limit, revision)
                case .watch(let revision): try await watch(client, from: revision, report)
                }
            } catch {
                guard case .outdated = error else { throw error }
                // All nodes notice at the same time; they do not read at the same time.
                try? await Task.sleep(for: .milliseconds(Int.random(in: 0...Self.readSpread)))
            }
        }
    }

    private func read(_ client: EtcdClient, _ key: [UInt8], _ limit: Int, _ revision: Int64) async throws(StoreError) {
        let page: EtcdRange?
        do throws(StoreError) {
            page = try await client.range(from: key, to: EtcdRequests.end(ofPrefix: layout.all), limit: limit, revision: revision)
        } catch {
            if case .tooLarge = error, following.pageWasTooLarge() { return }
            throw error
        }
        try await act(on: try following.received(page))
    }

    // MARK: Watching

    /// Follows changes, looks whether the server is there, and reports, until one of the three fails.
    private func watch(
        _ client: EtcdClient, from revision: Int64, _ report: @escaping @Sendable (SourceReport) async -> Void
    ) async throws(StoreError) {
        let (changes, changed) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        self.changed = changed
        let (prefix, end) = (layout.all, EtcdRequests.end(ofPrefix: layout.all))
        let failure = await withTaskGroup(of: StoreError?.self) { group in
            group.addTask {
                do throws(StoreError) {
                    try await client.watch(prefix, to: end, from: revision) { answer throws(StoreError) in try await self.take(answer) }
                    return nil
                } catch { return error }
            }
            group.addTask {
                do throws(StoreError) {
                    while true {
                        do { try await Task.sleep(for: self.options.heartbeat) } catch { return nil }
                        try await self.beat(try await client.count(from: prefix, to: end))
                    }
                } catch { return error }
            }
            group.addTask {
                for await _ in changes { await self.tell(report) }
                return nil
            }
            let first = await group.next() ?? nil
            changed.finish()
            group.cancelAll()
            return first
        }
        self.changed = nil
        if let failure { throw failure }
    }

    private func take(_ answer: EtcdWatchAnswer) async throws(StoreError) {
        if answer.isCanceled, answer.compactRevision == 0 {
            throw .refused(status: 403, code: 0, message: answer.cancelReason.isEmpty ? "it ended the watch" : answer.cancelReason)
        }
        try await act(on: following.received(answer))
        // What is known is whole and up to date from here on: also after an interruption without a change.
        guard answer.isCreated else { return }
        isWhole = true
        if let lost { grace = ExpiryGrace(lost: lost, back: clock()) }
        lost = nil
        changed?.yield()
    }

    private func beat(_ range: EtcdRange) async throws(StoreError) {
        try await act(on: following.counted(range.header, range.count?.value ?? 0, keys: catalog.count))
        try await adoptTrust()
        if catalog.nextChange <= clock() { changed?.yield() }
    }

    private func tell(_ report: @escaping @Sendable (SourceReport) async -> Void) async {
        try? await Task.sleep(for: Self.collection)
        let start = ContinuousClock.now
        let (records, dropped) = catalog.records(now: clock(), grace: grace)
        await report(.records(records, SourceNote(generation: "revision \(following.revision)", dropped: dropped)))
        // A registry that changes all the time takes no more than a third of this task's time.
        try? await Task.sleep(for: (ContinuousClock.now - start) * 2)
    }

    /// What is known changes at once, when all of it has been read: who reports meanwhile reports what was known before.
    private func act(on outcome: EtcdFollowing.Outcome) async throws(StoreError) {
        switch outcome {
        case .nothing: return
        case .readAgain(let why):
            if lost == nil { lost = clock() }
            throw .outdated(why)
        case .otherHistory(let why):
            if lost == nil { lost = clock() }
            isOtherHistory = true
            throw .outdated(why)
        case .replace(let values):
            let entries = await reader.entries(values, now: clock())
            catalog.loseAll()
            for (key, entry) in entries {
                // Nodes announce themselves again when they notice; what is there may be older than what is known of them.
                if isOtherHistory, entry.announcer != nil { catalog.set(key, silent: entry) } else { catalog[key] = entry }
            }
            isOtherHistory = false
        case .apply(let events):
            let written = await reader.entries(events.compactMap(\.written), now: clock())
            var next = written.makeIterator()
            for event in events {
                switch event {
                case .put: if let (key, entry) = next.next() { catalog[key] = entry }
                case .delete(let key, _): delete(String(decoding: key, as: UTF8.self))
                }
            }
            changed?.yield()
        }
    }

    private func delete(_ key: String) {
        if let grace, clock() < grace.end { catalog.lose(key) } else { catalog[key] = nil }
    }
}
