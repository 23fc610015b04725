internal import Foundation
internal import MeshIdentity
package import MeshRegistry
internal import MeshTLS
internal import MeshTypes

/// Writes what this node says of itself into an etcd cluster, under a lease: when the node falls silent, it vanishes (R2.3).
package actor EtcdPublisher: RegistryPublisher {
    private static let longestPause = Duration.seconds(2)
    /// Writes of one transaction; etcd takes 128 by default.
    private static let batch = 32
    /// The lease is kept alive so many times while it would last.
    private static let beatsPerLease = 3
    /// So many beats pass between two looks at what etcd really has.
    private static let beatsPerLook = 6
    /// How soon a service that had no certificate yet is tried again.
    private static let certificatePause = Duration.milliseconds(500)
    /// For taking the records out at the end.
    private static let farewell = Duration.seconds(1)

    package nonisolated let name: SourceName
    private let options: EtcdOptions
    private let keys: any AnnouncementKeys
    private let layout: EtcdKeys
    private let clock: @Sendable () -> Int64
    private let wakes: AsyncStream<Void>
    private nonisolated let wake: AsyncStream<Void>.Continuation

    private var holdings = EtcdHoldings()
    private var node = ""
    private var lease: Int64?
    private var client: EtcdClient?
    private var servers: ServerRotation
    private var random = SystemRandomNumberGenerator()
    private var pause = RetryPause(longest: longestPause)
    private var nextBeat = ContinuousClock.now
    private var beatsUntilLook = 0
    private var waiting: [CheckedContinuation<Result<Void, SourceFailure>, Never>] = []
    private var hasEnded = false

    /// - Parameter clock: seconds since the epoch.
    package init(
        _ options: EtcdOptions, name: SourceName = SourceName(.etcd), keys: any AnnouncementKeys,
        clock: @escaping @Sendable () -> Int64 = { Int64(Date().timeIntervalSince1970) }
    ) {
        self.name = name
        self.options = options
        self.keys = keys
        self.clock = clock
        layout = EtcdKeys(prefix: options.prefix)
        servers = ServerRotation(options.servers, using: &random)
        (wakes, wake) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
    }

    package func publish(_ announcement: NodeAnnouncement) async throws(SourceFailure) {
        guard !hasEnded else { throw Self.ended }
        node = announcement.node.name
        var items = [layout.node(node): EtcdHoldings.Item(record: AnnouncedNode(announcement).text, place: nil)]
        for endpoint in announcement.endpoints {
            let place = InstancePlace(node: node, service: endpoint.service, address: "\(endpoint.address)")
            let record = AnnouncedEndpoint(endpoint, on: announcement.node, isDraining: announcement.isDraining)
            items[layout.key(of: place)] = EtcdHoldings.Item(record: record.text, place: place)
        }
        holdings.want(items)
        let result = await withCheckedContinuation { continuation in
            waiting.append(continuation)
            wake.yield()
        }
        try result.get()
    }

    package func run() async {
        let ticks = Task { [wake, beat] in
            while !Task.isCancelled {
                wake.yield()
                do { try await Task.sleep(for: beat) } catch { return }
            }
        }
        for await _ in wakes { await pass() }
        ticks.cancel()
        hasEnded = true
        settle(.failure(Self.ended))
        await withdraw()
    }

    private nonisolated var beat: Duration { options.lease / Self.beatsPerLease }

    private static let ended = SourceFailure(.unreachable, "the daemon stops", advice: "start it again")

    /// Brings etcd to what is wanted, as far as it lets this node; waits before the next try if it does not.
    private func pass() async {
        guard !holdings.wanted.isEmpty, !Task.isCancelled else { return }
        let server = servers.current
        let asked = waiting.count
        do throws(StoreError) {
            let client = try connection(to: server)
            try await keepLease(client)
            try await look(client)
            let uncertified = try await write(client)
            pause.succeeded()
            settle(uncertified.map { .failure(Self.noCertificate($0)) } ?? .success(()), first: asked)
            if uncertified != nil { wakeLater() }
        } catch {
            await client?.close()
            client = nil
            beatsUntilLook = 0
            nextBeat = .now
            servers.advance()
            settle(.failure(error.failure(of: options.place(server), access: EtcdOptions.accessAdvice)), first: asked)
            try? await Task.sleep(for: pause.failed(using: &random))
            wake.yield()
        }
    }

    private func connection(to server: String) throws(StoreError) -> EtcdClient {
        if let client { return client }
        let new = try EtcdClient(server: server, options: options)
        client = new
        return new
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

    // MARK: The lease

    private func keepLease(_ client: EtcdClient) async throws(StoreError) {
        if let lease {
            guard ContinuousClock.now >= nextBeat else { return }
            guard try await !client.keepAlive(lease) else {
                nextBeat = .now + beat
                beatsUntilLook -= 1
                return
            }
        }
        let seconds = max(1, options.lease.components.seconds)
        holdings.lost()
        lease = nil
        lease = try await client.grantLease(seconds)
        nextBeat = .now + beat
        beatsUntilLook = 0
    }

    /// Looks at what there is below this node's name: what is left of an earlier daemon goes, what somebody removed comes back.
    private func look(_ client: EtcdClient) async throws(StoreError) {
        guard beatsUntilLook <= 0 else { return }
        let prefix = Array(layout.instances(of: node).utf8)
        let own = Array(layout.node(node).utf8)
        let instances = try await client.keys(from: prefix, to: EtcdRequests.end(ofPrefix: prefix))
        // One key alone is a range that ends with the next one.
        let record = try await client.keys(from: own, to: own + [0])
        let found = ((instances.kvs ?? []) + (record.kvs ?? [])).map { String(decoding: $0.key, as: UTF8.self) }
        holdings.found(Set(found))
        beatsUntilLook = Self.beatsPerLook
    }

    // MARK: Writing

    /// - Returns: a service that has no certificate to sign with, if there is one.
    private func write(_ client: EtcdClient) async throws(StoreError) -> ServiceIdentity? {
        var signers: [ServiceIdentity: StatementKey] = [:]
        for service in Set(holdings.wanted.values.compactMap(\.place?.service)) {
            signers[service] = await keys.statementKey(of: service)
        }
        var uncertified: ServiceIdentity?
        while let lease {
            let now = clock()
            let due = holdings.due(now: now, limit: .max) { signers[$0]?.chainDER }.filter { change in
                guard case .put(_, let item) = change, let service = item.place?.service, signers[service] == nil else { return true }
                uncertified = service
                return false
            }
            guard !due.isEmpty else { break }
            try await write(Array(due.prefix(Self.batch)), client, lease, signers, now: now)
        }
        return uncertified
    }

    private func write(
        _ changes: [EtcdHoldings.Change], _ client: EtcdClient, _ lease: Int64, _ signers: [ServiceIdentity: StatementKey], now: Int64
    ) async throws(StoreError) {
        var operations: [EtcdRequests.Transaction.Operation] = []
        var renewals: [String: Int64] = [:]
        for change in changes {
            switch change {
            case .delete(let key): operations.append(.delete(key: Array(key.utf8)))
            case .put(let key, let item):
                let announcement = try Self.announcement(of: item, signers, now: now)
                operations.append(.put(key: Array(key.utf8), value: announcement.bytes, lease: lease))
                renewals[key] = announcement.expires.map { now + ($0 - now) / 2 }
            }
        }
        do throws(StoreError) { try await client.write(operations) } catch {
            guard EtcdClient.isLeaseGone(error) else { throw error }
            self.lease = nil
            wake.yield()
            return
        }
        for change in changes {
            switch change {
            case .delete(let key): holdings.deleted(key)
            case .put(let key, let item):
                let chain = item.place.flatMap { signers[$0.service]?.chainDER } ?? []
                holdings.wrote(key, item, renewal: renewals[key], chain: chain)
            }
        }
    }

    private static func announcement(
        of item: EtcdHoldings.Item, _ signers: [ServiceIdentity: StatementKey], now: Int64
    ) throws(StoreError) -> SignedAnnouncement {
        guard let place = item.place, let key = signers[place.service] else { return SignedAnnouncement(unsigned: item.record) }
        do throws(TLSFailure) {
            return try SignedAnnouncement(item.record, place: place.description, key: key, now: now)
        } catch { throw .notReady("\(place.service) cannot sign its announcement: \(error.detail)") }
    }

    /// Takes everything out at once, as far as etcd lets this node: nobody has to wait for the lease to end.
    private func withdraw() async {
        guard let lease, let client = try? connection(to: servers.current) else { return }
        // The task that runs this is cancelled already.
        let farewell = Task.detached { try? await client.revoke(lease) }
        let limit = Task.detached {
            try? await Task.sleep(for: Self.farewell)
            farewell.cancel()
        }
        _ = await farewell.value
        limit.cancel()
        await client.close()
        self.client = nil
        self.lease = nil
    }
}
