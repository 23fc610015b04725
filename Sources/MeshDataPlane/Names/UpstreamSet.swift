package import MeshTypes

/// The upstreams and what was learnt of each: which to ask first, how long to wait, which to try anew. Pure; times are nanoseconds of a
/// clock that only goes forward.
package struct UpstreamSet {
    package struct Server {
        package var status: UpstreamStatus
        /// When a server that is down is tried anew, and how long after that again.
        package var nextProbe: UInt64 = 0
        package var backOff: UInt64 = UpstreamSet.firstBackOff
        /// It let questions pass by in silence, and is being asked whether it lives.
        package var isSuspect = false
        /// Until when silence says nothing about it, as it proved a moment ago that it lives.
        package var trustedUntil: UInt64 = 0
        /// Until when it is asked without EDNS, as it answered FORMERR to that (RFC 6891 §7).
        package var plainUntil: UInt64 = 0
        /// Until when its own spelling of names is taken.
        package var respellsUntil: UInt64 = 0

        fileprivate mutating func takeDown(_ now: UInt64) {
            isSuspect = false
            status.isDown = true
            nextProbe = now + backOff
        }
    }

    /// Time-outs behind one another until it is asked whether it lives. By themselves they say nothing about it: a name's own servers may be
    /// slow or silent, and a workload may ask for such names on purpose. It is down if it leaves that question unanswered too.
    package static let timeoutsUntilSuspect = 3
    /// After such a proof, for so long, it is not doubted again: nobody keeps others from it by asking for silent names all the time.
    package static let trust: UInt64 = 1_000_000_000
    package static let firstBackOff: UInt64 = 1_000_000_000
    package static let longestBackOff: UInt64 = 30_000_000_000
    /// How long it is remembered what a server cannot do.
    package static let memory: UInt64 = 300_000_000_000
    /// A server is waited for as long as this many of its latencies, and at least so long.
    private static let latenciesOfPatience: UInt64 = 4
    private static let shortestPatience: UInt64 = 200_000_000
    /// Longer than a question whether a server lives can be under way.
    private static let patienceWithSuspects: UInt64 = 5_000_000_000

    package private(set) var servers: [SocketAddress: Server] = [:]
    private let configured: [SocketAddress]
    /// Those that are asked: the configured ones, or else those last given to `use`.
    package private(set) var current: [SocketAddress]
    /// What those counted that are no longer remembered; nil before there was one.
    private var forgotten: UpstreamStatus?

    package init(configured: [SocketAddress]) {
        self.configured = configured
        current = configured
        for address in configured { servers[address] = Server(status: UpstreamStatus(address: address, isConfigured: true)) }
    }

    /// Other servers than before, where none are configured.
    package mutating func use(_ addresses: [SocketAddress]) {
        guard configured.isEmpty else { return }
        for address in current where !addresses.contains(address) { forget(address) }
        for address in addresses where servers[address] == nil {
            servers[address] = Server(status: UpstreamStatus(address: address, isConfigured: false))
        }
        current = addresses
    }

    /// The servers to ask, the best first: those that answer, in the order given, then those in doubt, then those that are down.
    package func order(_ candidates: [SocketAddress]) -> [SocketAddress] {
        let living = candidates.filter { !isDown($0) }
        return living.filter { !isSuspect($0) } + living.filter(isSuspect) + candidates.filter(isDown)
    }

    package func isDown(_ address: SocketAddress) -> Bool { servers[address]?.status.isDown ?? false }
    package func isSuspect(_ address: SocketAddress) -> Bool { servers[address]?.isSuspect ?? false }

    /// A server is to be asked whether it lives.
    package var isInDoubt: Bool { servers.values.contains { $0.status.isDown || $0.isSuspect } }

    /// Nanoseconds to wait for it before another is asked.
    package func patience(_ address: SocketAddress, atMost bound: UInt64) -> UInt64 {
        guard let latency = servers[address]?.status.latency, latency > 0 else { return bound }
        return min(bound, max(Self.shortestPatience, latency * Self.latenciesOfPatience))
    }

    /// Those that are down and due to be tried anew, and those in doubt.
    package mutating func takeProbes(now: UInt64) -> [SocketAddress] {
        var due: [SocketAddress] = []
        for (address, server) in servers where (server.status.isDown || server.isSuspect) && server.nextProbe <= now {
            if server.isSuspect {
                servers[address]?.nextProbe = now + Self.patienceWithSuspects
                due.append(address)
                continue
            }
            servers[address]?.nextProbe = now + server.backOff
            servers[address]?.backOff = min(server.backOff * 2, Self.longestBackOff)
            due.append(address)
        }
        return due
    }

    // MARK: What happened

    package mutating func asked(_ address: SocketAddress) { servers[address]?.status.queries += 1 }

    /// It said something that answers our question, after `latency`; nil where that is not known.
    package mutating func answered(_ address: SocketAddress, after latency: UInt64?, now: UInt64) {
        guard var server = servers.removeValue(forKey: address) else { return }
        if server.isSuspect { server.trustedUntil = now + Self.trust }
        server.isSuspect = false
        server.status.isDown = false
        server.status.failures = 0
        server.backOff = Self.firstBackOff
        server.status.answers += 1
        if let latency {
            let old = server.status.latency
            server.status.latency = max(1, old == 0 ? latency : old - old / 8 + latency / 8)
            let place = UpstreamStatus.latencyBounds.firstIndex { latency <= $0 * 1_000_000 } ?? UpstreamStatus.latencyBounds.count
            server.status.latencies[place] += 1
            server.status.latencySum &+= latency
        }
        servers[address] = server
    }

    package mutating func failed(_ address: SocketAddress, _ failure: UpstreamFailure, now: UInt64) {
        guard var server = servers.removeValue(forKey: address) else { return }
        server.status.failuresByKind[failure, default: 0] += 1
        server.status.lastFailure = failure
        switch failure {
        case .refusal, .mismatch, .stream: break
        case .timeout:
            server.status.failures += 1
            guard server.status.failures >= Self.timeoutsUntilSuspect, !server.status.isDown, !server.isSuspect, server.trustedUntil <= now
            else { break }
            server.isSuspect = true
            server.nextProbe = now
        case .unreachable:
            server.status.failures += 1
            if !server.status.isDown { server.takeDown(now) }
        }
        servers[address] = server
    }

    /// It did not answer the question whether it lives.
    package mutating func missedProbe(_ address: SocketAddress, now: UInt64) {
        if isSuspect(address) { servers[address]?.takeDown(now) }
    }

    package mutating func speaksPlainly(_ address: SocketAddress, now: UInt64) { servers[address]?.plainUntil = now + Self.memory }
    package mutating func respells(_ address: SocketAddress, now: UInt64) { servers[address]?.respellsUntil = now + Self.memory }

    package func takesEDNS(_ address: SocketAddress, now: UInt64) -> Bool { servers[address]?.plainUntil ?? 0 <= now }
    package func keepsSpelling(_ address: SocketAddress, now: UInt64) -> Bool { servers[address]?.respellsUntil ?? 0 <= now }

    private mutating func forget(_ address: SocketAddress) {
        guard let server = servers.removeValue(forKey: address) else { return }
        var sum = forgotten ?? UpstreamStatus(address: address, isConfigured: false)
        sum.absorb(server.status)
        forgotten = sum
    }

    /// Those that are not configured, as one: its counters never go back. It is down while all are.
    package var learnt: UpstreamStatus? {
        let known = servers.values.map(\.status).filter { !$0.isConfigured }
        guard var sum = forgotten ?? known.first.map({ UpstreamStatus(address: $0.address, isConfigured: false) }) else { return nil }
        for status in known { sum.absorb(status) }
        sum.isDown = !known.isEmpty && known.allSatisfy(\.isDown)
        return sum
    }

    /// Of those that are asked, in their order.
    package var status: [UpstreamStatus] { current.compactMap { servers[$0]?.status } }
}
