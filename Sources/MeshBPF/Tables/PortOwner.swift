internal import CMyelinABI
internal import Glibc
package import MeshTypes

/// Which meshed service of the node's own namespace listens on a TCP port: the node's guard keys on it.
package struct PortOwner: KernelLayout {
    package let workload: WorkloadID
    package let service: ServiceID
    package let permissive: Bool

    package init(workload: WorkloadID, service: ServiceID, permissive: Bool = false) {
        self.workload = workload
        self.service = service
        self.permissive = permissive
    }

    var raw: myelin_port_owner {
        myelin_port_owner(
            workload: workload.rawValue, service: service.rawValue,
            flags: permissive ? UInt32(MYELIN_WORKLOAD_PERMISSIVE) : 0)
    }

    init(raw: myelin_port_owner) {
        self.init(
            workload: WorkloadID(rawValue: raw.workload), service: ServiceID(rawValue: raw.service),
            permissive: raw.flags & UInt32(MYELIN_WORKLOAD_PERMISSIVE) != 0)
    }
}

/// A TCP port of the node's namespace.
struct NodePort: KernelLayout {
    let port: UInt16

    init(_ port: UInt16) { self.port = port }

    var raw: myelin_port_key { myelin_port_key(port: port, protocol: UInt16(IPPROTO_TCP)) }
    init(raw: myelin_port_key) { port = raw.port }
}
