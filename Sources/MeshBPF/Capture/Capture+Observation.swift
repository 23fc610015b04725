internal import CBPF
internal import CMyelinABI
internal import Glibc
internal import MeshTypes

/// What the kernel side did and holds.
package struct CaptureStatistics: Sendable, Hashable {
    // Events and connections since the programs were first attached.
    package var lostEvents: UInt64 = 0
    package var captured: UInt64 = 0
    package var direct: UInt64 = 0
    package var local: UInt64 = 0
    package var deniedOutbound: UInt64 = 0
    package var deniedInbound: UInt64 = 0
    package var permissive: UInt64 = 0
    package var dns: UInt64 = 0
    package var leaks: UInt64 = 0
    package var paused: UInt64 = 0
    package var tableFull: UInt64 = 0
    // Entries of maps, now. The last three count live connections.
    package var workloads = 0
    package var destinations = 0
    package var verdicts = 0
    package var dnsSlots = 0
    package var pending = 0
    package var flows = 0
    package var deliveries = 0

    package init() {}
}

extension Capture {
    /// Hands on the events of the ring, waiting at most `timeout` milliseconds for the first; called by one thread.
    /// Returns how many events were lost so far because the ring was full.
    package func pollEvents(timeout: Int32, _ body: (KernelEvent) -> Void) -> UInt64 {
        if events.drain(body) == 0, timeout > 0 {
            usleep(UInt32(timeout) * 1000)
            _ = events.drain(body)
        }
        return counter(MYELIN_COUNTER_LOST_EVENTS)
    }

    package func statistics() -> CaptureStatistics {
        var result = CaptureStatistics()
        result.lostEvents = counter(MYELIN_COUNTER_LOST_EVENTS)
        result.captured = counter(MYELIN_COUNTER_CAPTURED)
        result.direct = counter(MYELIN_COUNTER_DIRECT)
        result.local = counter(MYELIN_COUNTER_LOCAL)
        result.deniedOutbound = counter(MYELIN_COUNTER_DENIED_OUTBOUND)
        result.deniedInbound = counter(MYELIN_COUNTER_DENIED_INBOUND)
        result.permissive = counter(MYELIN_COUNTER_PERMISSIVE)
        result.dns = counter(MYELIN_COUNTER_DNS)
        result.leaks = counter(MYELIN_COUNTER_LEAKS)
        result.paused = counter(MYELIN_COUNTER_PAUSED)
        result.tableFull = counter(MYELIN_COUNTER_TABLE_FULL)
        result.workloads = workloads().count
        result.destinations = maps.destinations.count
        result.verdicts = maps.verdicts.count
        result.dnsSlots = maps.dnsSlots.keys().count
        result.pending = KernelMap<RawFlowKey, RawPending>(name: "pending", descriptor: maps.pending).keys().count
        result.flows = KernelMap<RawFlowKey, RawFlow>(name: "flows", descriptor: maps.flows).keys().count
        result.deliveries = KernelMap<RawFlowKey, RawFlow>(name: "deliveries", descriptor: maps.deliveries).keys().count
        return result
    }

    /// The sum of a per-CPU counter.
    private func counter(_ index: myelin_counter) -> UInt64 {
        let cpus = Int(max(1, libbpf_num_possible_cpus()))
        var key = index.rawValue
        return withUnsafeTemporaryAllocation(of: UInt64.self, capacity: cpus) { values in
            bpf_map_lookup_elem(maps.counters, &key, values.baseAddress!) == 0 ? values.reduce(0, &+) : 0
        }
    }
}
