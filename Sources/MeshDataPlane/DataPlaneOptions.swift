/// The bounds and times of the data path.
package struct DataPlaneOptions: Sendable {
    package var workers = 2
    /// Flows that one worker carries at a time on average; all workers together have so many as all their connections may be (`ConnectionShares`).
    package var maximumFlows = 1 << 17
    /// A connection for requests on which none has come is closed after this; one that was used before too, if its workload holds more connections than it is
    /// guaranteed.
    package var silence = Duration.seconds(60)
    /// The same for one that was never used, of a workload that holds more connections than it is guaranteed.
    package var silenceBeyondGuarantee = Duration.seconds(10)
    /// Tunnels of one worker; beyond, new ones are refused.
    package var tunnels = TunnelPlaces.Bounds()
    /// Streams of one tunnel, as told to the peer and as opened at most; a worker opens another tunnel for more.
    package var maximumTunnelStreams: UInt32 = 4096
    /// From the caller's connect until the callee's endpoint has accepted, all attempts together: one attempt.
    package var connectTimeout = Duration.seconds(5)
    /// What the callee's node leaves to its endpoint of that: it ends the attempt before the caller's node does, so that both can say why.
    package var deliveryTimeout: Duration { connectTimeout * 4 / 5 }
    /// From a tunnel's TCP connect until TLS is up, where this node opens it.
    package var handshakeTimeout = Duration.seconds(5)
    /// How long a peer that connects may take to show its certificate. Less when many do: then the oldest that said nothing gives way.
    package var arrivalTimeout = Duration.seconds(3)
    /// A tunnel without streams is closed after this.
    package var idleTimeout = Duration.seconds(90)
    /// An idle tunnel is asked for a sign of life at this interval; without an answer until the next it is closed.
    package var keepalive = Duration.seconds(10)
    /// Endpoints that one flow tries before it is given up.
    package var maximumAttempts = 4
    /// How long an endpoint that could not be reached is passed over while others are left; twice as long each time, up to 8 s.
    package var ejection = Duration.seconds(1)
    /// Bytes for slow readers that one tunnel may hold before its connection window closes.
    package var maximumTunnelBacklog = 64 << 20
    /// A connection whose descriptor has this number or a higher one is refused (`overloaded`).
    package var descriptorCeiling = Int32.max
    /// SO_MARK of connections to endpoints: routes to loopback for it are made when a namespace is readied, so that callees can be shown
    /// their callers' own addresses. nil where there are no such routes.
    package var deliveryMark: UInt32?
    /// How the kernel keeps deliveries from listeners that are not the service's; nil where no kernel programs are.
    package var deliveryCheck: DeliveryCheck?

    /// Connections that workloads and calling services may hold together; a sixteenth of the descriptors is left to tunnels and listeners.
    var sharedConnections: Int { min(Int(descriptorCeiling) / 16 * 15, maximumFlows * workers) }
    /// Of one worker: however unevenly the kernel hands them out, no worker is full before all are.
    var flowSlots: Int { min(maximumFlows * workers, 1 << 22) }

    package init() {}
}
