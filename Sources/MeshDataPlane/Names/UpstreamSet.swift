package import MeshTypes

/// The upstreams and what was learnt of each: which to ask first, how long to wait, which to try anew. Pure; times are nanoseconds of a
/// clock that only goes forward.
package struct UpstreamSet {
    package struct Server {
        package var status: UpstreamStatus
        /// When a server that is down is tried anew, and how long after that again.
        package var nextProbe: UInt64 = 0
        package var backOff: UInt64 = UpstreamSet.firstBackOff
        package var lastUse: UInt64 = 0
        /// Until when it is asked without EDNS, as it answered FORMERR to that (RFC 6891 §7).
        package var plainUntil: UInt64 = 0
        /// Until when its own spelling of names is taken.
        package var respellsUntil: UInt64 = 0
    }

    /// Time-outs behind one another until it counts as down: one may be the name's fault, whose own servers are slow.
    package static let timeoutsUntilDown = 3
    package static let firstBackOff: UInt64 = 1_000_000_000
    package static let longestBackOff: UInt64 = 30_000_000_000
    /// Servers that workloads asked by themselves; and how long one is remembered after its last use, and what it cannot do.
    package static let maximumLearnt = 64
    package static let memory: UInt64 = 300_000_000_000
    /// A server is waited for as long as this many of its latencies, and at least so long.
    private static let latenciesOfPatience: UInt64 = 4
    private static let shortestPatience: UInt64 = 200_000_000

    package private(set) var servers: [SocketAddress: Server] = [:]
    private let configured: [SocketAddress]
    /// What those counted that are no longer remembered; nil before there was one.
    private var forgotten: UpstreamStatus?

    package init(configured: [SocketAddress]) {
        self.configured = configured
        for address in configured { servers[address] = Server(status: UpstreamStatus(address: address, isConfigured: true)) }
    }

    /// The servers to ask, the best first: those that answer, in the order given, then those that are down.
    package mutating func order(_ candidates: [SocketAddress], now: UInt64) -> [SocketAddress] {
        for address in candidates { learn(address, now) }
        return candidates.filter { !isDown($0) } + candidates.filter(isDown)
    }

    package func isDown(_ address: SocketAddress) -> Bool { servers[address]?.status.isDown ?? false }

    package var anyIsDown: Bool { servers.values.contains { $0.status.isDown } }

    /// Nanoseconds to wait for it before another is asked.
    package func patience(_ address: SocketAddress, atMost bound: UInt64) -> UInt64 {
        guard let latency = servers[address]?.status.latency, latency > 0 else { return bound }
        return min(bound, max(Self.shortestPatience, latency * Self.latenciesOfPatience))
    }

    /// Those that are down and due to be tried anew.
    package mutating func takeProbes(now: UInt64) -> [SocketAddress] {
        var due: [SocketAddress] = []
        for (address, server) in servers where server.status.isDown && server.nextProbe <= now {
            guard server.status.isConfigured || now &- server.lastUse < Self.memory else {
                forget(address)
                continue
            }
            servers[address]?.nextProbe = now + server.backOff
            servers[address]?.backOff = min(server.backOff * 2, Self.longestBackOff)
            due.append(address)
        }
        return due
    }

    // MARK: What happened

    package mutating func asked(_ address: SocketAddress, now: UInt64) {
        learn(address, now)
        servers[address]?.status.queries += 1
    }

    /// It said something that answers our question, after `latency`; nil where that is not known.
    package mutating func answered(_ address: SocketAddress, after latency: UInt64?) {
        guard var server = servers.removeValue(forKey: address) else { return }
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
        case .timeout, .unreachable:
            server.status.failures += 1
            guard failure == .unreachable || server.status.failures >= Self.timeoutsUntilDown, !server.status.isDown else { break }
            server.status.isDown = true
            server.nextProbe = now + server.backOff
        }
        servers[address] = server
    }

    package mutating func speaksPlainly(_ address: SocketAddress, now: UInt64) { servers[address]?.plainUntil = now + Self.memory }
    package mutating func respells(_ address: SocketAddress, now: UInt64) { servers[address]?.respellsUntil = now + Self.memory }

    package func takesEDNS(_ address: SocketAddress, now: UInt64) -> Bool { servers[address]?.plainUntil ?? 0 <= now }
    package func keepsSpelling(_ address: SocketAddress, now: UInt64) -> Bool { servers[address]?.respellsUntil ?? 0 <= now }

    private mutating func learn(_ address: SocketAddress, _ now: UInt64) {
        if servers[address] == nil {
            makeRoom()
            servers[address] = Server(status: UpstreamStatus(address: address, isConfigured: false))
        }
        servers[address]?.lastUse = now
    }

    private mutating func makeRoom() {
        let learnt = servers.filter { !$0.value.status.isConfigured }
        guard learnt.count >= Self.maximumLearnt, let oldest = learnt.min(by: { $0.value.lastUse < $1.value.lastUse }) else { return }
        forget(oldest.key)
    }

    private mutating func forget(_ address: SocketAddress) {
        guard let server = servers.removeValue(forKey: address) else { return }
        var sum = forgotten ?? UpstreamStatus(address: address, isConfigured: false)
        sum.absorb(server.status)
        forgotten = sum
    }

    /// Those that workloads asked by themselves, as one: its counters never go back. It is down while all are.
    package var learnt: UpstreamStatus? {
        let known = servers.values.map(\.status).filter { !$0.isConfigured }
        guard var sum = forgotten ?? known.first.map({ UpstreamStatus(address: $0.address, isConfigured: false) }) else { return nil }
        for status in known { sum.absorb(status) }
        sum.isDown = !known.isEmpty && known.allSatisfy(\.isDown)
        return sum
    }

    /// The configured ones first, in their order.
    package var status: [UpstreamStatus] {
        let known = servers.values.map(\.status)
        return configured.compactMap { servers[$0]?.status }
            + known.filter { !$0.isConfigured }.sorted { $0.address.description < $1.address.description }
    }
}
