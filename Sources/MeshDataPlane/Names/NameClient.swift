internal import MeshSystem
internal import MeshTypes

/// Where an answer goes.
enum NameClient {
    case datagram(DatagramClient)
    case stream(NameConnection)
}

/// A UDP client: the answer leaves from the address that was asked.
struct DatagramClient {
    let listener: NameListener
    let peer: SocketAddress
    let local: IPAddress
    /// Octets that it takes.
    let limit: Int
}

/// A UDP socket in a workload's namespace.
final class NameListener {
    let socket: FileDescriptor
    let namespace: NamespaceIndex

    init(_ socket: consuming FileDescriptor, namespace: NamespaceIndex) {
        self.socket = socket
        self.namespace = namespace
    }
}

/// A socket of the loop and the token under which it is polled.
final class NameSocket {
    let descriptor: FileDescriptor
    let token: UInt64

    init(_ descriptor: consuming FileDescriptor, token: UInt64) {
        self.descriptor = descriptor
        self.token = token
    }
}
