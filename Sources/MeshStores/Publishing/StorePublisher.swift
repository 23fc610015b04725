internal import Foundation
internal import MeshIdentity
package import MeshRegistry
internal import MeshTLS
package import MeshTypes

/// Writes what this node says of itself into a store, signed, and keeps it there (R2.3).
package actor StorePublisher: RegistryPublisher {
    private static let longestPause = Duration.seconds(2)
    /// Writes that are made together; etcd takes 128 by default.
    private static let batch = 32
    /// So many beats pass between two looks at what the store really has.
    private static let beatsPerLook = 6
    /// How soon a service that had no certificate yet is tried again.
    private static let certificatePause = Duration.milliseconds(500)
    /// How long the store has to hear the last word.
    private static let farewellLimit = Duration.seconds(2)

    package nonisolated let name: SourceName
    private let outlet: any StoreOutlet
    private let keys: any AnnouncementKeys
    private let farewell: Farewell
    private let clock: @Sendable () -> Int64
    private let wakes: AsyncStream<Void>
    private nonisolated let wake: AsyncStream<Void>.Continuation

    private var holdings = StoreHoldings()
    private var node = ""
    private var random = SystemRandomNumberGenerator()
    private var pause = RetryPause(longest: longestPause)
    private var isBeatDue = true
    private var beatsUntilLook = 0
    private var waiting: [CheckedContinuation<Result<Void, SourceFailure>, Never>] = []
    private var hasEnded = false

    /// - Parameter clock: seconds since the epoch.
    init(_ outlet: any StoreOutlet, keys: any AnnouncementKeys, farewell: Farewell, clock: @escaping @Sendable () -> Int64) {
        name = outlet.name
        self.outlet = outlet
        self.keys = keys
        self.farewell = farewell
        self.clock = clock
        (wakes, wake) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
    }

    package func publish(_ announcement: NodeAnnouncement) async throws(SourceFailure) {
        guard !hasEnded else { throw Self.ended }
        node = announcement.node.name
        let itself = StoreSlot.node(node)
        var items = [outlet.key(of: itself): StoreHoldings.Item(record: AnnouncedNode(announcement).text, slot: itself)]
        for endpoint in announcement.endpoints {
            let slot = StoreSlot.endpoint(InstancePlace(node: node, service: endpoint.service, address: "\(endpoint.address)"))
            let record = AnnouncedEndpoint(endpoint, on: announcement.node, isDraining: announcement.isDraining)
            items[outlet.key(of: slot)] = StoreHoldings.Item(record: record.text, slot: slot)
        }
        holdings.want(items)
        let result = await withCheckedContinuation { continuation in
            waiting.append(continuation)
            wake.yield()
        }
        try result.get()
    }

    package func run() async {
        let beats = Task { [outlet] in
            while !Task.isCancelled {
                beat()
                do { try await Task.sleep(for: outlet.beat) } catch { return }
            }
        }
        for await _ in wakes { await pass() }
        beats.cancel()
        hasEnded = true
        settle(.failure(Self.ended))
        await leave()
    }

    private func beat() {
        isBeatDue = true
        wake.yield()
    }

    private func leave() async {
        // The task that runs this is cancelled already.
        let lastWord = Task.detached { [outlet, farewell] in
            switch farewell {
            case .withdraw: try await outlet.withdraw()
            case .handOver: _ = try await outlet.keep(isDue: true)
            }
        }
        let limit = Task.detached {
            try? await Task.sleep(for: Self.farewellLimit)
            lastWord.cancel()
        }
        // A store that does not take it lets the lease end.
        _ = await lastWord.result
        limit.cancel()
        await outlet.close()
    }

    private static let ended = SourceFailure(.unreachable, "the daemon stops", advice: "start it again")

    /// Brings the store to what is wanted, as far as it lets this node; waits before the next try if it does not.
    private func pass() async {
        guard !holdings.wanted.isEmpty, !Task.isCancelled else { return }
        let asked = waiting.count
        do throws(StoreError) {
            try await keep()
            try await look()
            let uncertified = try await write()
            pause.succeeded()
            settle(uncertified.map { .failure(Self.noCertificate($0)) } ?? .success(()), first: asked)
            if uncertified != nil { wakeLater() }
        } catch {
            let failure = await outlet.disconnect(after: error)
            beatsUntilLook = 0
            isBeatDue = true
            settle(.failure(failure), first: asked)
            try? await Task.sleep(for: pause.failed(using: &random))
            wake.yield()
        }
    }

    private func keep() async throws(StoreError) {
        let isDue = isBeatDue
        isBeatDue = false
        let isThere = try await outlet.keep(isDue: isDue)
        if isDue { beatsUntilLook -= 1 }
        if !isThere { forget() }
    }

    private func forget() {
        holdings.lost()
        beatsUntilLook = 0
    }

    /// What is left of an earlier daemon goes, what somebody removed comes back.
    private func look() async throws(StoreError) {
        guard beatsUntilLook <= 0 else { return }
        holdings.found(try await outlet.keys(of: node))
        beatsUntilLook = Self.beatsPerLook
    }

    /// - Parameter first: how many of those that wait; later ones came during the pass.
    private func settle(_ result: Result<Void, SourceFailure>, first count: Int? = nil) {
        let settled = waiting.prefix(count ?? waiting.count)
        waiting.removeFirst(settled.count)
        for continuation in settled { continuation.resume(returning: result) }
    }

    private func wakeLater() {
        Task { [wake] in
            try? await Task.sleep(for: Self.certificatePause)
            wake.yield()
        }
    }

    private static func noCertificate(_ service: ServiceIdentity) -> SourceFailure {
        SourceFailure(
            .refused, "\(service) cannot be announced: it has no certificate on this node yet", advice: "see `myelinctl certificates`")
    }

    // MARK: Writing

    /// - Returns: a service that has no certificate to sign with, if there is one.
    private func write() async throws(StoreError) -> ServiceIdentity? {
        var signers: [ServiceIdentity: StatementKey] = [:]
        for service in Set(holdings.wanted.values.compactMap(\.slot.place?.service)) {
            signers[service] = await keys.statementKey(of: service)
        }
        var uncertified: ServiceIdentity?
        while true {
            let now = clock()
            let due = holdings.due(now: now) { signers[$0]?.chainDER }.filter { change in
                guard case .put(_, let item) = change, let service = item.slot.place?.service, signers[service] == nil else { return true }
                uncertified = service
                return false
            }
            guard !due.isEmpty else { return uncertified }
            guard try await write(Array(due.prefix(Self.batch)), signers, now: now) else {
                forget()
                wake.yield()
                return nil
            }
        }
    }

    private func write(
        _ changes: [StoreHoldings.Change], _ signers: [ServiceIdentity: StatementKey], now: Int64
    ) async throws(StoreError) -> Bool {
        var writes: [StoreWrite] = []
        var renewals: [String: Int64] = [:]
        for change in changes {
            switch change {
            case .delete(let key): writes.append(.delete(key: key))
            case .put(let key, let item):
                let announcement = try Self.announcement(of: item, signers, now: now)
                writes.append(.put(key: key, item.slot, announcement))
                renewals[key] = announcement.expires.map { now + ($0 - now) / 2 }
            }
        }
        guard try await outlet.write(writes) else { return false }
        for change in changes {
            switch change {
            case .delete(let key): holdings.deleted(key)
            case .put(let key, let item):
                let chain = item.slot.place.flatMap { signers[$0.service]?.chainDER } ?? []
                holdings.wrote(key, item, renewal: renewals[key], chain: chain)
            }
        }
        return true
    }

    private static func announcement(
        of item: StoreHoldings.Item, _ signers: [ServiceIdentity: StatementKey], now: Int64
    ) throws(StoreError) -> SignedAnnouncement {
        guard let place = item.slot.place, let key = signers[place.service] else { return SignedAnnouncement(unsigned: item.record) }
        do throws(TLSFailure) {
            return try SignedAnnouncement(item.record, place: place.description, key: key, now: now)
        } catch { throw .notReady("\(place.service) cannot sign its announcement: \(error.detail)") }
    }
}
