package import MeshTypes

/// How the node answers its workloads' DNS.
package struct NameServerOptions: Sendable {
    /// Where names outside the mesh are asked; empty: the server that the workload asked.
    package var upstreams: [SocketAddress] = []
    /// Other names of services (`agent` for `agent-orchestrator`).
    package var aliases: [ServiceName: ServiceName] = [:]
    /// Seconds that a mesh answer may be remembered.
    package var timeToLive: UInt32 = 5
    /// Queries that wait for an upstream, in all and for one workload; one more gets SERVFAIL.
    package var maximumPending = 1024
    package var maximumPendingPerWorkload = 256
    /// DNS over TCP: connections in all and of one workload (one more is closed), and queries that one may have waiting before we read on.
    package var maximumConnections = 256
    package var maximumConnectionsPerWorkload = 64
    package var maximumPerConnection = 16
    /// Nanoseconds until SERVFAIL; until the next upstream is tried; until a silent TCP connection is closed.
    package var timeout: UInt64 = 5_000_000_000
    package var retransmission: UInt64 = 1_500_000_000
    package var idleTimeout: UInt64 = 10_000_000_000

    package init() {}
}

/// What the name server did since it started.
package struct NameServerCounters: Sendable, BitwiseCopyable, Equatable {
    /// Answered from the snapshot, of these names that do not exist.
    package var answered: UInt64 = 0
    package var noSuchName: UInt64 = 0
    package var forwarded: UInt64 = 0
    /// SERVFAIL: timed out or refused upstream, a table was full, or there is no snapshot yet.
    package var failed: UInt64 = 0
    /// Datagrams from upstream that answered no question of ours.
    package var unsolicited: UInt64 = 0
    /// Malformed queries, and datagrams to no slot.
    package var malformed: UInt64 = 0

    package init() {}
}
