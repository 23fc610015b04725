internal import CMyelinABI
internal import Glibc
package import MeshTypes

/// What a captured connection asked for, and who asked: the kernel's word.
package struct CapturedOrigin: Sendable, BitwiseCopyable {
    package let destination: SocketAddress
    package let workload: WorkloadID
    package let service: ServiceID
    package let namespace: NamespaceIndex
    package let cgroup: UInt64
    /// The socket cookie of the caller's socket.
    package let cookie: UInt64
}

private let SO_ORIGINAL_DESTINATION: Int32 = 80  // SO_ORIGINAL_DST

/// The origin of a connection accepted from a capture listener; nil when someone dialled the listener itself.
package func capturedOrigin(of socket: Int32) -> CapturedOrigin? {
    var raw = myelin_original_destination()
    var length = socklen_t(MemoryLayout<myelin_original_destination>.size)
    guard getsockopt(socket, Int32(IPPROTO_IP), SO_ORIGINAL_DESTINATION, &raw, &length) == 0,
        Int(length) == MemoryLayout<myelin_original_destination>.size
    else { return nil }
    return CapturedOrigin(
        destination: SocketAddress(raw: raw.destination), workload: WorkloadID(rawValue: raw.workload),
        service: ServiceID(rawValue: raw.service), namespace: NamespaceIndex(rawValue: raw.netns), cgroup: raw.cgroup,
        cookie: raw.cookie)
}

/// Tells the kernel, before the connect, which service must take a connection of the daemon. Returns false when it cannot be told.
package func expectCallee(_ service: ServiceID, on socket: Int32) -> Bool {
    var number = service.rawValue
    return setsockopt(socket, Int32(IPPROTO_IP), SO_ORIGINAL_DESTINATION, &number, socklen_t(MemoryLayout<UInt32>.size)) == 0
}

/// Whether the kernel kept a connection that the daemon makes from a listener of somebody else than the service's.
package func metWrongListener(_ socket: Int32) -> Bool {
    // The kernel shows nothing to a program whose buffer is smaller than its largest answer.
    var raw = myelin_original_destination()
    var length = socklen_t(MemoryLayout<myelin_original_destination>.size)
    guard getsockopt(socket, Int32(IPPROTO_IP), SO_ORIGINAL_DESTINATION, &raw, &length) == 0,
        Int(length) == MemoryLayout<UInt32>.size
    else { return false }
    let flags = withUnsafeBytes(of: raw) { $0.load(as: UInt32.self) }
    return flags & UInt32(MYELIN_FLOW_WRONG_LISTENER) != 0
}
