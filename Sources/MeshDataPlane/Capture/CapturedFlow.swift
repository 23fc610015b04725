package import MeshTypes

/// What the kernel says of a captured connection. Made by the capture stage only.
package struct CaptureRecord: Sendable, BitwiseCopyable {
    package let destination: SocketAddress
    package let workload: WorkloadID
    package let service: ServiceID
    package let namespace: NamespaceIndex

    package init(destination: SocketAddress, workload: WorkloadID, service: ServiceID, namespace: NamespaceIndex) {
        self.destination = destination
        self.workload = workload
        self.service = service
        self.namespace = namespace
    }
}

/// Where a captured connection's record comes from: the kernel, or a test.
package typealias OriginLookup = @Sendable (_ socket: Int32) -> CaptureRecord?
