package import MeshTypes

/// What was chosen, to give back when it has ended.
package struct EndpointTicket: Sendable, BitwiseCopyable {
    let slot: Int32
    let endpoint: UInt64
    /// When it was chosen.
    package let taken: UInt64
    /// It is known how the attempt went.
    package internal(set) var isJudged = false

    package static let none = EndpointTicket(slot: -1, endpoint: 0, taken: 0)
    package var isNone: Bool { slot < 0 }
}

/// The endpoints that one request or connection was sent to already: the last four.
package struct TriedEndpoints: Sendable, BitwiseCopyable {
    private var ids: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)

    package init() {}

    package var isEmpty: Bool { ids.0 == 0 }
    func contains(_ id: UInt64) -> Bool { ids.0 == id || ids.1 == id || ids.2 == id || ids.3 == id }
    package mutating func insert(_ ticket: EndpointTicket) { ids = (ticket.endpoint, ids.0, ids.1, ids.2) }
}

/// Which endpoint would do.
package struct EndpointWish: Sendable {
    package var tried = TriedEndpoints()
    /// The very endpoint that was asked for.
    package var address: SocketAddress?
    /// Only instances of this version; 0 for any (`StableHash.of`).
    package var version: UInt64 = 0
    /// What `hash` keeps together; 0 draws at random.
    package var key: UInt64 = 0
    /// It is a copy, whose fate must say nothing of endpoints to others: it takes nobody's probe, and teaches nothing.
    package var isShadow = false

    package init() {}
}

package enum EndpointChoice: Sendable {
    case chosen(Endpoint, EndpointTicket)
    case noEndpoint
    /// The service's breaker is open; nanoseconds until it lets a probe through.
    case circuitOpen(wait: UInt64)
}

/// How an attempt ended, as far as the endpoint is concerned.
package enum AttemptOutcome: Sendable, BitwiseCopyable {
    case succeeded
    /// It answered badly, too late or broke off.
    case failed
    /// It could not be reached at all.
    case unreachable
    /// The caller went away.
    case abandoned
}

/// 64 bits of anything, the same on every node and in every run: FNV-1a, then mixed.
package enum StableHash {
    package static func of(_ bytes: some Sequence<UInt8>) -> UInt64 {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        return mix(hash)
    }

    package static func of(_ text: String) -> UInt64 { text.isEmpty ? 0 : of(text.utf8) }

    static func mix(_ value: UInt64) -> UInt64 {
        var hash = value
        hash = (hash ^ hash >> 33) &* 0xff51_afd7_ed55_8ccd
        hash = (hash ^ hash >> 33) &* 0xc4ce_b9fe_1a85_ec53
        return hash ^ hash >> 33
    }
}
