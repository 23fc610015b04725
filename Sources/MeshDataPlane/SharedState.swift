package import MeshBalancing
internal import MeshRuntime
internal import MeshSnapshot
internal import MeshSystem
package import MeshTLS
package import MeshTypes

/// What the workers of a node share: options, the endpoints' load, and how to learn a captured connection's record.
final class SharedState: Sendable {
    let options: DataPlaneOptions
    let loads: ServiceLoads
    let rates = RateLimits()
    /// nil where nobody counts for all nodes: such limits are enforced here.
    let globalRates: GlobalRates?
    let admissions = Admissions()
    let mirrorPlaces = MirrorPlaces()
    let health = HealthBoard()
    let shares: ConnectionShares
    let origin: OriginLookup
    let nameConnection: NameConnectionHandler?
    let report: HandshakeReport
    let breakerReport: BreakerReport
    let idleNanoseconds: UInt64

    init(
        options: DataPlaneOptions, origin: @escaping OriginLookup, nameConnection: NameConnectionHandler?,
        report: @escaping HandshakeReport, breakerReport: @escaping BreakerReport, globalRates: GlobalRates?
    ) {
        self.options = options
        shares = ConnectionShares(total: options.sharedConnections)
        self.globalRates = globalRates
        self.report = report
        self.breakerReport = breakerReport
        idleNanoseconds = UInt64(options.idleTimeout.components.seconds) * 1_000_000_000
        self.origin = origin
        self.nameConnection = nameConnection
        loads = ServiceLoads(firstUnreachable: options.ejection)
    }
}

/// Takes over a captured connection to port 53 (DNS over TCP); it owns the descriptor from then on.
package typealias NameConnectionHandler = @Sendable (_ socket: Int32, _ record: CaptureRecord) -> Void

/// Told of tunnels that were refused: why, in an operator's words, and the peer's address (port 0 when this node was the client). Of many from
/// one address the first few are told one by one, and then at intervals how many more there were (`HandshakeJournal`).
package typealias HandshakeReport = @Sendable (_ failure: TLSFailure, _ peer: SocketAddress, _ count: Int) -> Void

/// Told when a breaker of a service, or of one of its endpoints, changes.
package typealias BreakerReport = @Sendable (_ service: ServiceID, _ event: BreakerEvent) -> Void

/// What other threads ask of a worker.
enum WorkerMessage: Sendable {
    case adopt(Snapshot)
    case capture(CaptureListener)
    case release(NamespaceIndex)
    case serveTunnel(FileDescriptorBox)
    /// A request that waited in its service's queue may go on.
    case admitted(SlabHandle, ServiceID, UInt64)
    /// A request that waited there is refused.
    case turnedAway(SlabHandle, UInt64, DenialReason)
    /// The lease that a request waited for was answered, or will not be.
    case leased(SlabHandle, UInt64, LeaseOutcome)
    /// The checks of this node's endpoints of a service say something new.
    case healthChanged(ServiceID)
    case listConnections(@Sendable ([LiveConnection]) -> Void)
    /// The daemon is about to end; everything is served on.
    case leave
    /// What there is of work, and of it what was there at that time.
    case countActivity(since: UInt64, @Sendable (Activity) -> Void)
    case drain
    case stop
}

/// A descriptor shared by reference: closed when the last user lets go.
final class FileDescriptorBox: Sendable {
    let descriptor: FileDescriptor
    init(_ descriptor: consuming FileDescriptor) { self.descriptor = descriptor }
    var raw: Int32 { descriptor.raw }
}

final class NamespaceBox: Sendable {
    let namespace: NetworkNamespace
    init(_ namespace: consuming NetworkNamespace) { self.namespace = namespace }
}

/// A listener inside a workload's namespace; all workers wait on it.
struct CaptureListener: Sendable {
    let socket: FileDescriptorBox
    let namespace: NamespaceIndex
    let descriptor: NamespaceBox
}

/// A connection that is being carried, for `myelinctl connections`.
package struct LiveConnection: Sendable {
    package let worker: Int
    package let record: FlowRecord
    /// `connecting`, `relaying` or `resetting`.
    package let stage: String
    package let age: Duration
}

/// Counts since the start, of one worker or all.
package struct WorkerCounters: Sendable {
    package var accepted: UInt64 = 0
    package var flows: UInt64 = 0
    package var tunnels: UInt64 = 0
    package var tunnelsOpened: UInt64 = 0
    package var tunnelsFailed: UInt64 = 0
    package var tunnelsRevoked: UInt64 = 0
    package var tunnelsExpired: UInt64 = 0
    /// Connections to the tunnels' port that have not shown a certificate, now.
    package var arrivals: UInt64 = 0
    package var handshakesDisplaced: UInt64 = 0
    package var handshakesTimedOut: UInt64 = 0
    package var peerTunnelsRefused: UInt64 = 0
    package var withoutRecord: UInt64 = 0
    package var descriptorsExhausted: UInt64 = 0
    /// Connections for requests that were closed because none came.
    package var silentClosed: UInt64 = 0
    package var requests: UInt64 = 0
    package var retries: UInt64 = 0
    package var generation: UInt64 = 0
    /// Nanoseconds (`LongestTurn`).
    package var longestTurn: UInt64 = 0

    package init() {}
}
