internal import MeshTypes

/// What this node has to have in etcd, and what it is known to have there. It writes nothing itself.
struct EtcdHoldings {
    /// A record to be written.
    struct Item: Equatable {
        let record: String
        /// Who signs it, and for which place; nil for one that nobody signs.
        let place: InstancePlace?
    }

    enum Change: Equatable {
        case put(key: String, Item)
        case delete(key: String)
    }

    /// What etcd has.
    private struct Held {
        /// nil: of an earlier daemon.
        let item: Item?
        /// Seconds since the epoch.
        let renewal: Int64
        /// With which the signature was made.
        let chain: [[UInt8]]
    }

    private(set) var wanted: [String: Item] = [:]
    private var held: [String: Held] = [:]

    mutating func want(_ items: [String: Item]) { wanted = items }

    /// The lease is gone, and all that was written under it.
    mutating func lost() { held = [:] }

    /// - Parameter keys: all that etcd has below this node's name.
    mutating func found(_ keys: Set<String>) {
        held = held.filter { keys.contains($0.key) }
        for key in keys where held[key] == nil { held[key] = Held(item: nil, renewal: .max, chain: []) }
    }

    /// What to write next, in order of the keys.
    /// - Parameters:
    ///   - now: seconds since the epoch.
    ///   - chain: with which each service would sign now.
    func due(now: Int64, limit: Int, chain: (ServiceIdentity) -> [[UInt8]]?) -> [Change] {
        var changes: [Change] = []
        for (key, item) in wanted {
            if let known = held[key], known.item == item, now < known.renewal {
                guard let service = item.place?.service, let current = chain(service), current != known.chain else { continue }
            }
            changes.append(.put(key: key, item))
        }
        for key in held.keys where wanted[key] == nil { changes.append(.delete(key: key)) }
        return Array(changes.sorted { $0.key < $1.key }.prefix(limit))
    }

    /// - Parameters:
    ///   - renewal: seconds since the epoch, when the signature should be made again; nil for a record without.
    mutating func wrote(_ key: String, _ item: Item, renewal: Int64?, chain: [[UInt8]]) {
        held[key] = Held(item: item, renewal: renewal ?? .max, chain: chain)
    }

    mutating func deleted(_ key: String) { held[key] = nil }
}

extension EtcdHoldings.Change {
    var key: String {
        switch self {
        case .put(let key, _), .delete(let key): key
        }
    }
}
