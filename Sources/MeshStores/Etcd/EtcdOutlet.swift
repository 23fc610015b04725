internal import Foundation
package import MeshRegistry
package import MeshTypes

/// Writing into an etcd cluster, under a lease: when the node falls silent, its records vanish.
actor EtcdOutlet: StoreOutlet {
    /// The lease is kept alive so many times while it would last.
    private static let beatsPerLease = 3

    let name: SourceName
    let beat: Duration
    private let options: EtcdOptions
    private let layout: EtcdKeys
    private var servers: ServerRotation
    private var client: EtcdClient?
    private var lease: Int64?
    /// Of the last answer about the lease or to a write. nil before there was one.
    private var known: EtcdHeader?

    init(_ options: EtcdOptions, name: SourceName) {
        self.name = name
        self.options = options
        beat = options.lease / Self.beatsPerLease
        layout = EtcdKeys(prefix: options.prefix)
        var random = SystemRandomNumberGenerator()
        servers = ServerRotation(options.servers, using: &random)
    }

    nonisolated func key(of slot: StoreSlot) -> String {
        switch slot {
        case .node(let name): layout.node(name)
        case .endpoint(let place): layout.key(of: place)
        }
    }

    func keep(isDue: Bool) async throws(StoreError) -> Bool {
        let client = try connection()
        if let lease {
            guard isDue else { return true }
            let answer = try await client.keepAlive(lease)
            if answer.isAlive, continues(answer.header) { return true }
        }
        lease = nil
        known = nil
        lease = try await client.grantLease(max(1, options.lease.components.seconds))
        return false
    }

    /// False if the cluster was put back to an older state, where records may be missing while the lease is there.
    private func continues(_ header: EtcdHeader) -> Bool {
        defer { known = header }
        return known.map { EtcdFollowing.difference(header, $0) == nil } ?? true
    }

    func keys(of node: String) async throws(StoreError) -> Set<String> {
        let client = try connection()
        let prefix = Array(layout.instances(of: node).utf8)
        let own = Array(layout.node(node).utf8)
        let endpoints = try await client.keys(from: prefix, to: EtcdRequests.end(ofPrefix: prefix))
        // One key alone is a range that ends with the next one.
        let record = try await client.keys(from: own, to: own + [0])
        return Set(((endpoints.kvs ?? []) + (record.kvs ?? [])).map { String(decoding: $0.key, as: UTF8.self) })
    }

    func write(_ writes: [StoreWrite]) async throws(StoreError) -> Bool {
        guard let lease else { return false }
        let operations = writes.map { (write) -> EtcdRequests.Transaction.Operation in
            switch write {
            case .delete(let key): .delete(key: Array(key.utf8))
            case .put(let key, _, let announcement): .put(key: Array(key.utf8), value: announcement.bytes, lease: lease)
            }
        }
        do throws(StoreError) { known = try await connection().write(operations) } catch {
            guard EtcdClient.isLeaseGone(error) else { throw error }
            self.lease = nil
            return false
        }
        return true
    }

    func disconnect(after error: StoreError) async -> SourceFailure {
        let failure = error.failure(of: options.place(servers.current), access: EtcdOptions.accessAdvice)
        await client?.close()
        client = nil
        servers.advance()
        return failure
    }

    func withdraw() async throws(StoreError) {
        guard let lease else { return }
        self.lease = nil
        try await connection().revoke(lease)
    }

    func close() async {
        await client?.close()
        client = nil
    }

    private func connection() throws(StoreError) -> EtcdClient {
        if let client { return client }
        let new = try EtcdClient(server: servers.current, options: options)
        client = new
        return new
    }
}

extension StorePublisher {
    /// Into an etcd cluster. - Parameter clock: seconds since the epoch.
    package init(
        etcd options: EtcdOptions, name: SourceName = SourceName(.etcd), keys: any AnnouncementKeys,
        farewell: Farewell = .withdraw, clock: @escaping @Sendable () -> Int64 = { Int64(Date().timeIntervalSince1970) }
    ) {
        self.init(EtcdOutlet(options, name: name), keys: keys, farewell: farewell, clock: clock)
    }
}
