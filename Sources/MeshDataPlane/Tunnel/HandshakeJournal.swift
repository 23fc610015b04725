package import MeshTypes

/// Which refused handshakes are written down: of each address the first few, and at the end of the interval how many more there were. Pure;
/// one per worker. Nothing is lost to the metrics, which count each of them.
package struct HandshakeJournal {
    /// Nanoseconds.
    package static let interval: UInt64 = 5_000_000_000
    /// Written in full, of one address (IPv6: of one /64) and interval.
    package static let perAddress = 3
    /// Addresses that are told apart in one interval; those of all others are counted together.
    package static let addresses = 64

    /// What was counted and not written. The address is the last one of its site; nil where addresses were no longer told apart.
    package struct Remainder: Equatable {
        package let address: SocketAddress?
        package let reason: DenialReason
        package let count: Int
    }

    private struct Tally {
        var written = 0
        var omitted = 0
        var last: SocketAddress
        var reason: DenialReason
    }

    private var began: UInt64 = 0
    private var tallies: [IPAddress: Tally] = [:]
    private var others = 0
    private var lastReason = DenialReason.none

    package init() {}

    /// - Parameter now: monotonic nanoseconds.
    /// - Returns: whether this one is written.
    package mutating func note(_ address: SocketAddress, _ reason: DenialReason, now: UInt64) -> Bool {
        if tallies.isEmpty { began = now }
        lastReason = reason
        let site = address.ip.site
        guard tallies[site] != nil || tallies.count < Self.addresses else {
            others += 1
            return false
        }
        var tally = tallies[site] ?? Tally(last: address, reason: reason)
        tally.last = address
        tally.reason = reason
        let isWritten = tally.written < Self.perAddress
        if isWritten { tally.written += 1 } else { tally.omitted += 1 }
        tallies[site] = tally
        return isWritten
    }

    /// What remained unwritten, once the interval is over; the next one begins with the next handshake that fails.
    package mutating func remainders(now: UInt64) -> [Remainder] {
        guard !tallies.isEmpty, now &- began >= Self.interval else { return [] }
        var all = tallies.values.filter { $0.omitted > 0 }.map { Remainder(address: $0.last, reason: $0.reason, count: $0.omitted) }
        if others > 0 { all.append(Remainder(address: nil, reason: lastReason, count: others)) }
        tallies.removeAll(keepingCapacity: true)
        others = 0
        return all
    }
}
