package import MeshTypes

/// What became of a query. Each counts once.
package enum NameOutcome: String, Sendable, CaseIterable {
    /// From the snapshot, also "there is no such record".
    case answered
    case noSuchName = "no_such_name"
    /// The name is a service's that the asker may not call: it was told that there is none.
    case hidden
    case cached
    /// From the cache, though it had run out.
    case stale
    /// By an upstream, whatever it said.
    case forwarded
    /// SERVFAIL: no upstream answered, or there is no snapshot yet.
    case failed
    /// Over a bound, or of a kind that is not answered.
    case refused
    /// A name outside the mesh that the asker's policy does not list, or that its share does not reach for.
    case nameRefused = "name_refused"
    /// Unreadable, or to no slot.
    case malformed
}

/// What the name server did since it started.
package struct NameServerCounters: Sendable {
    /// By the service that asked; `none` where that is not known.
    package private(set) var services: [ServiceID: [NameOutcome: UInt64]] = [:]
    /// Names that were refused, or with `dns.foreign: audit` would have been.
    package private(set) var refusals: [ServiceID: [NameRefusal: UInt64]] = [:]
    /// Messages from upstream that answered no question of ours.
    package fileprivate(set) var unsolicited: UInt64 = 0

    /// Services that are counted apart.
    package static let maximumServices = 1024

    package init() {}

    /// By all services together.
    package subscript(outcome: NameOutcome) -> UInt64 { services.values.reduce(0) { $0 + $1[outcome, default: 0] } }

    mutating func add(_ outcome: NameOutcome, of service: ServiceID) {
        let counted = services[service] != nil || services.count < Self.maximumServices ? service : .none
        services[counted, default: [:]][outcome, default: 0] += 1
    }

    mutating func add(_ refusal: NameRefusal, of service: ServiceID) {
        let counted = refusals[service] != nil || refusals.count < Self.maximumServices ? service : .none
        refusals[counted, default: [:]][refusal, default: 0] += 1
    }

    mutating func addUnsolicited() { unsolicited += 1 }
}
