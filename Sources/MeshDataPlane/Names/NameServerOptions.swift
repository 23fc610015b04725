package import MeshTypes

/// How the node answers its workloads' DNS.
package struct NameServerOptions: Sendable {
    /// Which of the mesh's names a workload is told.
    package enum View: Sendable { case all, callable }

    /// A network of virtual addresses; `prefix` counts the bits of its family.
    package struct Network: Sendable, BitwiseCopyable {
        package let address: IPAddress
        package let prefix: Int

        package init(address: IPAddress, prefix: Int) {
            self.address = address
            self.prefix = prefix
        }
    }

    /// Where names outside the mesh are asked, the preferred first; empty: those of `NameServer.use`.
    package var upstreams: [SocketAddress] = []
    /// Other names of services (`agent` for `agent-orchestrator`).
    package var aliases: [ServiceName: ServiceName] = [:]
    package var view = View.all
    /// All names of their addresses are the mesh's own.
    package var virtualNetworks: [Network] = []
    /// Names of one label that are no service's are asked upstream too.
    package var forwardsSingleLabels = false
    /// The upstreams verify signatures, and the way to them is safe: their bit AD is passed on.
    package var trustsVerification = false
    /// Seconds that a mesh answer may be remembered.
    package var timeToLive: UInt32 = 5
    package var cache = NameCacheOptions()
    /// What is asked for whom.
    package var names = NameGuardOptions()
    /// Clients that wait for an upstream, in all and of one workload; one more gets SERVFAIL.
    package var maximumPending = 1024
    package var maximumPendingPerWorkload = 256
    /// DNS over TCP: connections in all and of one workload (one more is closed), and queries that one may have waiting before we read on.
    package var maximumConnections = 256
    package var maximumConnectionsPerWorkload = 64
    package var maximumPerConnection = 16
    /// Nanoseconds until SERVFAIL; until the next upstream is tried, at most; until an expired answer is given, if there is one (RFC 8767
    /// §5); until a silent TCP connection is closed.
    package var timeout: UInt64 = 4_000_000_000
    package var retransmission: UInt64 = 1_000_000_000
    package var patience: UInt64 = 1_800_000_000
    package var idleTimeout: UInt64 = 10_000_000_000

    package init() {}
}

/// What is kept of answers from upstream.
package struct NameCacheOptions: Sendable {
    /// Bytes in all; 0: nothing is kept.
    package var capacity = 8 << 20
    /// One workload's queries may fill a capacity divided by this.
    package var workloadDivisor = 4
    /// Seconds that an answer may be remembered at most, and that "there is none" may (RFC 2308 §5).
    package var maximumTimeToLive: UInt32 = 24 * 3600
    package var maximumNegativeTimeToLive: UInt32 = 3600
    /// Seconds after its end that an answer may still be given while no upstream answers, and with which time to live (RFC 8767 §4, §5).
    package var stale: UInt32 = 24 * 3600
    package var staleTimeToLive: UInt32 = 30
    /// Nanoseconds until a question that no upstream answered is asked again, and one that there is an expired answer for (RFC 9520 §3.2,
    /// RFC 8767 §5).
    package var failureRetry: UInt64 = 1_000_000_000
    package var staleRetry: UInt64 = 10_000_000_000

    package init() {}
}
