package import MeshTypes

/// What this node has to have in a store, and what it is known to have there. It writes nothing itself.
package struct StoreHoldings {
    /// A record to be written.
    package struct Item: Equatable {
        package let record: String
        package let slot: StoreSlot

        package init(record: String, slot: StoreSlot) {
            self.record = record
            self.slot = slot
        }
    }

    package enum Change: Equatable {
        case put(key: String, Item)
        case delete(key: String)

        package var key: String {
            switch self {
            case .put(let key, _), .delete(let key): key
            }
        }
    }

    private struct Held {
        /// nil: of an earlier daemon.
        let item: Item?
        /// Seconds since the epoch.
        let renewal: Int64
        /// With which the signature was made.
        let chain: [[UInt8]]
    }

    package private(set) var wanted: [String: Item] = [:]
    private var held: [String: Held] = [:]

    package init() {}

    package mutating func want(_ items: [String: Item]) { wanted = items }

    /// The store has nothing of it any more.
    package mutating func lost() { held = [:] }

    /// - Parameter keys: all that the store has in this node's name.
    package mutating func found(_ keys: Set<String>) {
        held = held.filter { keys.contains($0.key) }
        for key in keys where held[key] == nil { held[key] = Held(item: nil, renewal: .max, chain: []) }
    }

    /// What is to be written, in order of the keys.
    /// - Parameters:
    ///   - now: seconds since the epoch.
    ///   - chain: with which each service would sign now; nil if it cannot.
    package func due(now: Int64, chain: (ServiceIdentity) -> [[UInt8]]?) -> [Change] {
        var changes: [Change] = []
        for (key, item) in wanted {
            if let known = held[key], known.item == item, now < known.renewal {
                // A new certificate is one whose authority the others will know for longer.
                guard let service = item.slot.place?.service, let current = chain(service), current != known.chain else { continue }
            }
            changes.append(.put(key: key, item))
        }
        for key in held.keys where wanted[key] == nil { changes.append(.delete(key: key)) }
        return changes.sorted { $0.key < $1.key }
    }

    /// - Parameters:
    ///   - renewal: seconds since the epoch, when the signature should be made again; nil for a record without.
    package mutating func wrote(_ key: String, _ item: Item, renewal: Int64?, chain: [[UInt8]]) {
        held[key] = Held(item: item, renewal: renewal ?? .max, chain: chain)
    }

    package mutating func deleted(_ key: String) { held[key] = nil }
}
