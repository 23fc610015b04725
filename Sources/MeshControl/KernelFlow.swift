package import MeshBPF
package import MeshTypes

extension FlowRecord {
    /// The flow that a kernel event tells of; nil for events that are no end of a flow.
    ///
    /// - Parameter realtimeOffset: CLOCK_REALTIME − CLOCK_MONOTONIC, in nanoseconds.
    package init?(_ event: KernelEvent, realtimeOffset: Int64) {
        self.init()
        switch event.kind {
        case .deniedOutbound:
            reporter = .source
            ending = .refused
            identityVerified = event.sourceWorkload != .none
        case .deniedInbound:
            reporter = .destination
            ending = .refused
        case .permissiveInbound:
            reporter = .destination
        case .directClosed:
            reporter = .source
            path = .direct
            identityVerified = true
            ending = event.failure == 0 ? .closed : .refused
        case .directOpened:
            return nil
        }
        start = UInt64(max(0, Int64(clamping: event.time) - Int64(clamping: event.duration) + realtimeOffset))
        duration = event.duration
        sent = event.bytesSent
        received = event.bytesReceived
        source = event.sourceService
        destination = event.destinationService
        workload = event.sourceWorkload
        sourceAddress = event.source
        destinationAddress = event.dialled
        if event.kind == .directClosed { endpoint = event.destination }
        reason = event.kind == .directClosed && event.failure != 0 && event.reason == .none ? .endpointRefused : event.reason
        isUDP = event.transport == UInt32(17)
    }
}
