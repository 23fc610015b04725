package import MeshTypes

/// A workload of this node whose traffic is captured.
package struct EnrolledWorkload: Sendable, Equatable {
    package let id: WorkloadID
    package let workload: Workload
    /// The inode of its cgroup: what the kernel programs know it by.
    package let cgroup: UInt64
    package let namespace: NamespaceIndex
    /// The addresses of its network namespace.
    package let addresses: Set<IPAddress>

    package init(id: WorkloadID, workload: Workload, cgroup: UInt64, namespace: NamespaceIndex, addresses: Set<IPAddress>) {
        self.id = id
        self.workload = workload
        self.cgroup = cgroup
        self.namespace = namespace
        self.addresses = addresses
    }
}
