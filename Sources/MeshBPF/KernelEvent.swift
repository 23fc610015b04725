internal import CMyelinABI
package import MeshTypes

/// What the kernel programs report through the ring.
package struct KernelEvent: Sendable {
    package enum Kind: UInt32, Sendable {
        case deniedOutbound = 1
        case deniedInbound = 2
        case directOpened = 3
        case directClosed = 4
        /// Plaintext that a permissive guard passed.
        case permissiveInbound = 5
    }

    package let kind: Kind
    package let reason: DenialReason
    /// CLOCK_MONOTONIC, nanoseconds.
    package let time: UInt64
    /// For `.directClosed`: nanoseconds since the connect, and bytes as the caller counts them.
    package let duration: UInt64
    package let bytesSent: UInt64
    package let bytesReceived: UInt64
    package let cgroup: UInt64
    package let sourceWorkload: WorkloadID
    package let sourceService: ServiceID
    package let destinationService: ServiceID
    package let namespace: NamespaceIndex
    /// IPPROTO_*
    package let transport: UInt32
    /// For `.directClosed`: errno of a connect that never established, else 0.
    package let failure: Int32
    package let source: SocketAddress
    /// For direct flows the endpoint; otherwise what was dialled.
    package let destination: SocketAddress
    /// For direct flows: what the program dialled; otherwise equal to `destination`.
    package let dialled: SocketAddress

    /// nil for a kind that this version does not know.
    init?(raw: myelin_event) {
        guard let kind = Kind(rawValue: raw.kind) else { return nil }
        self.kind = kind
        reason = DenialReason(rawValue: UInt8(truncatingIfNeeded: raw.reason)) ?? .none
        time = raw.time
        duration = raw.duration
        bytesSent = raw.bytes_sent
        bytesReceived = raw.bytes_received
        cgroup = raw.cgroup
        sourceWorkload = WorkloadID(rawValue: raw.source_workload)
        sourceService = ServiceID(rawValue: raw.source_service)
        destinationService = ServiceID(rawValue: raw.destination_service)
        namespace = NamespaceIndex(rawValue: raw.netns)
        transport = raw.protocol
        failure = Int32(bitPattern: raw.failed)
        source = SocketAddress(raw: raw.source)
        destination = SocketAddress(raw: raw.destination)
        dialled = SocketAddress(raw: raw.dialled)
    }
}
