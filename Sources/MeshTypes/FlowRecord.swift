/// One finished (or refused) flow, as a worker or the kernel saw it. Plain bytes: it travels through a ring without allocation.
package struct FlowRecord: Sendable, BitwiseCopyable {
    /// Seen from the caller's node or from the callee's.
    package enum Reporter: UInt8, Sendable, BitwiseCopyable { case source, destination }
    /// How the bytes travelled.
    package enum Path: UInt8, Sendable, BitwiseCopyable { case none, tunnel, local, direct }
    /// How it ended.
    package enum Ending: UInt8, Sendable, BitwiseCopyable { case refused, closed, reset }

    /// CLOCK_REALTIME in nanoseconds at the start; duration in nanoseconds.
    package var start: UInt64 = 0
    package var duration: UInt64 = 0
    /// Bytes from caller to callee, and back.
    package var sent: UInt64 = 0
    package var received: UInt64 = 0
    package var source: ServiceID = .none
    package var destination: ServiceID = .none
    package var workload: WorkloadID = .none
    package var sourceAddress = SocketAddress(ip: .v4Any, port: 0)
    /// What the caller dialled.
    package var destinationAddress = SocketAddress(ip: .v4Any, port: 0)
    /// The endpoint that was chosen; port 0 if none was.
    package var endpoint = SocketAddress(ip: .v4Any, port: 0)
    package var reporter: Reporter = .source
    package var path: Path = .none
    package var ending: Ending = .closed
    package var reason: DenialReason = .none
    /// The peer's identity was proved: by its certificate (tunnel) or by this kernel (local, direct).
    package var identityVerified = false
    package var isUDP = false
    /// Counted and not written: one of many of its kind.
    package var isUnwritten = false
    /// Of a line that stands for others: how many were counted and not written before it. It is not counted itself.
    package var repeats: UInt32 = 0
    /// What was asked and answered, when the record stands for an HTTP request.
    package var request = RequestFacts()

    package init() {}
}
