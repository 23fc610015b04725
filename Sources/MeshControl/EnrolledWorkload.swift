package import MeshTypes

/// A workload of this node whose traffic is captured.
package struct EnrolledWorkload: Sendable, Equatable {
    package let id: WorkloadID
    package let workload: Workload
    package let service: ServiceID
    /// The inode of its cgroup: what the kernel programs know it by.
    package let cgroup: UInt64
    package let namespace: NamespaceIndex
    /// The addresses of its network namespace.
    package let addresses: Set<IPAddress>
    /// Plaintext into it is accepted.
    package let permissive: Bool

    package init(
        id: WorkloadID, workload: Workload, service: ServiceID, cgroup: UInt64, namespace: NamespaceIndex, addresses: Set<IPAddress>,
        permissive: Bool
    ) {
        self.id = id
        self.workload = workload
        self.service = service
        self.cgroup = cgroup
        self.namespace = namespace
        self.addresses = addresses
        self.permissive = permissive
    }
}
