internal import MeshProtocols
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

/// A query on its way to an upstream: its own socket (so its own random port), its own random number.
final class ForwardedQuery {
    /// How it is being asked.
    enum Transport {
        case datagram(NameSocket)
        /// A truncated answer is asked again over TCP, for clients that use TCP themselves.
        case connecting(NameSocket)
        case stream(NameSocket)
    }

    let query: DNSMessage
    let client: NameClient
    let workload: WorkloadID
    /// The query as it goes out, under our own number.
    let wire: [UInt8]
    let id: UInt16
    /// The servers in the order in which they are tried.
    let servers: [SocketAddress]
    let deadline: UInt64
    var attempts = 0
    var nextAttempt: UInt64 = 0
    var transport: Transport?
    var incoming = DNSStream()

    init(
        query: DNSMessage, bytes: [UInt8], client: NameClient, workload: WorkloadID, id: UInt16, servers: [SocketAddress],
        deadline: UInt64
    ) {
        self.query = query
        self.client = client
        self.workload = workload
        self.id = id
        self.servers = servers
        self.deadline = deadline
        var wire = bytes
        wire[0] = UInt8(id >> 8)
        wire[1] = UInt8(id & 255)
        self.wire = wire
    }

    /// Whether `bytes` answers this query: our number, the same question, and an answer at all (RFC 5452 §9).
    func isAnswered(by bytes: [UInt8]) -> DNSHeader? {
        guard let (header, question) = DNSMessage.opening(of: bytes), header.isResponse, header.id == id,
            question.name == query.question.name, question.type == query.question.type, question.kind == query.question.kind
        else { return nil }
        return header
    }

    /// The answer under the client's number.
    func restored(_ bytes: [UInt8]) -> [UInt8] {
        var bytes = bytes
        bytes[0] = UInt8(query.header.id >> 8)
        bytes[1] = UInt8(query.header.id & 255)
        return bytes
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
