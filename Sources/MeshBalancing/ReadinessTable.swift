internal import MeshTypes

/// What is known of endpoints' readiness, and until when it may be believed. A pure value; times are monotonic nanoseconds.
struct ReadinessTable: Sendable {
    struct Entry: Sendable {
        let isReady: Bool
        /// When that was learnt.
        let since: UInt64
        /// From here on nothing is known.
        let until: UInt64
    }

    /// Beyond it nothing more is learnt until old entries have gone.
    static let maximumEntries = 8192

    private var entries: [SocketAddress: Entry] = [:]

    var isEmpty: Bool { entries.isEmpty }

    subscript(address: SocketAddress, now: UInt64) -> Entry? { entries[address].flatMap { $0.until > now ? $0 : nil } }

    /// - Parameter until: when it will not be believed any more.
    mutating func learn(_ readiness: Readiness, of address: SocketAddress, until: UInt64, now: UInt64) {
        guard readiness != .unknown else {
            entries[address] = nil
            return
        }
        let known = self[address, now]
        if entries[address] == nil, entries.count >= Self.maximumEntries {
            entries = entries.filter { $0.value.until > now }
            guard entries.count < Self.maximumEntries else { return }
        }
        let isReady = readiness == .ready
        entries[address] = Entry(isReady: isReady, since: known?.isReady == isReady ? known?.since ?? now : now, until: until)
    }
}
