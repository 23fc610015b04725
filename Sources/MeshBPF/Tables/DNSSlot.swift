internal import CMyelinABI
package import MeshTypes

/// Who asks which DNS server, behind a slot address: `127.x.y.z` or `[fd6d:7965:6c69:1::<slot>]`, port 15053, with the slot in the low
/// 24 bits. The resolver answers from the address that it was asked at (IP_PKTINFO, IPV6_PKTINFO); for IPv6, whose slots are routes and no
/// interface's addresses, its socket needs IPV6_FREEBIND.
package struct DNSSlot: KernelLayout {
    /// The server that the workload asked.
    package let server: SocketAddress
    package let workload: WorkloadID
    package let service: ServiceID
    package let namespace: NamespaceIndex

    package init(server: SocketAddress, workload: WorkloadID, service: ServiceID, namespace: NamespaceIndex) {
        self.server = server
        self.workload = workload
        self.service = service
        self.namespace = namespace
    }

    var raw: myelin_dns_slot {
        myelin_dns_slot(
            server: server.raw, workload: workload.rawValue, service: service.rawValue, netns: namespace.rawValue)
    }

    init(raw: myelin_dns_slot) {
        server = SocketAddress(raw: raw.server)
        workload = WorkloadID(rawValue: raw.workload)
        service = ServiceID(rawValue: raw.service)
        namespace = NamespaceIndex(rawValue: raw.netns)
    }
}

/// The key under which the kernel interned a slot.
struct DNSServerKey: KernelLayout {
    let server: SocketAddress
    let workload: WorkloadID

    var raw: myelin_dns_key { myelin_dns_key(server: server.raw, workload: workload.rawValue) }

    init(raw: myelin_dns_key) {
        server = SocketAddress(raw: raw.server)
        workload = WorkloadID(rawValue: raw.workload)
    }
}
