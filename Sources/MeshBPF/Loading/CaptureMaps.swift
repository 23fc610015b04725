internal import CMyelinABI
internal import Glibc
internal import MeshTypes

/// The maps of `capture.bpf.o`, by the role that they have in `bpf/lib/maps.h`.
struct CaptureMaps: Sendable {
    let workloads: ReconciledMap<UInt64, WorkloadEntry>
    let destinations: ReconciledMap<SocketAddress, DestinationEntry>
    let verdicts: ReconciledMap<VerdictKey, Verdict>
    let localEndpoints: ReconciledMap<ServiceID, LocalEndpoints>
    let nodePorts: ReconciledMap<NodePort, PortOwner>
    let knownPaths: ReconciledMap<CgroupPath, KnownCgroup>
    let veths: KernelMap<DeviceIndex, FilteredVeth>
    /// By the cookie of the namespace.
    let pods: KernelMap<UInt64, NamespaceNumber>
    let dnsSlots: KernelMap<DNSSlotNumber, DNSSlot>
    let dnsServers: KernelMap<DNSServerKey, DNSSlotNumber>
    let dnsCounts: KernelMap<DNSWorkload, DNSSlotNumber>
    let former: KernelMap<UInt64, ServiceID>
    let usage: KernelMap<DNSWorkload, UsageRecord>
    /// Arrays and maps that only the kernel writes, by descriptor.
    let namespaces: Int32
    let listeners: Int32
    let resolvers: Int32
    let guarded: Int32
    let shares: Int32
    let flows: Int32
    let deliveries: Int32
    let pending: Int32
    let counters: Int32
    let events: Int32
    private let owner: OpenMaps

    init(_ object: borrowing ObjectFile) throws(KernelError) {
        let owner = OpenMaps()
        func open(_ name: String) throws(KernelError) -> Int32 {
            let descriptor = try object.map(name)
            owner.descriptors.append(descriptor)
            return descriptor
        }
        func table<Key, Value>(_ name: String) throws(KernelError) -> KernelMap<Key, Value> {
            KernelMap(name: name, descriptor: try open(name))
        }
        workloads = ReconciledMap(try table("workloads"))
        destinations = ReconciledMap(try table("destinations"))
        verdicts = ReconciledMap(try table("verdicts"))
        localEndpoints = ReconciledMap(try table("local_endpoints"))
        nodePorts = ReconciledMap(try table("node_ports"))
        knownPaths = ReconciledMap(try table("known_paths"))
        veths = try table("veths")
        pods = try table("pods")
        dnsSlots = try table("dns_slots")
        dnsServers = try table("dns_servers")
        dnsCounts = try table("dns_counts")
        former = try table("former")
        usage = try table("usage")
        namespaces = try open("namespaces")
        listeners = try open("listeners")
        resolvers = try open("resolvers")
        guarded = try open("guarded")
        shares = try open("shares")
        flows = try open("flows")
        deliveries = try open("deliveries")
        pending = try open("pending")
        counters = try open("counters")
        events = try open("events")
        self.owner = owner
    }
}

/// Closes the maps' descriptors with the last copy of `CaptureMaps`. Filled while that is made, constant afterwards.
private final class OpenMaps: @unchecked Sendable {
    var descriptors: [Int32] = []

    deinit { for descriptor in descriptors { close(descriptor) } }
}

/// A DNS slot: the low 24 bits of the address that the resolver receives on. Also the count of a workload's slots.
struct DNSSlotNumber: KernelLayout {
    let raw: UInt32
    init(raw: UInt32) { self.raw = raw }
}

/// A workload as the key of how many slots it has.
struct DNSWorkload: KernelLayout {
    let raw: UInt32
    init(raw: UInt32) { self.raw = raw }
}
